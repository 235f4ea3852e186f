/* Segmentation. Twin: src/bytes/split.ts. */
#ifndef PODWIRE_SPLIT_H
#define PODWIRE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pw_split {
  const uint8_t *packet;
  uint32_t length;
  /* From the packet's start to the transport header, and to the payload. */
  uint32_t transport;
  uint32_t headers;
  bool udp;
  uint32_t segment;
  const uint8_t *prefix;
  uint32_t prefix_length;
};

/* Why these arguments make no frames, or NULL if they do. */
const char *pw_split_problem(const struct pw_split *split);

/* Bytes that all frames take together. */
uint64_t pw_split_size(const struct pw_split *split);

/* Writes the frames; `target` has pw_split_size bytes that overlap neither packet nor prefix. */
void pw_split(const struct pw_split *split, uint8_t *target);

#endif
