/* Segmentation: a TCP or UDP superpacket is cut into frames (ByteWork.split in src/bytes/work.ts). */
#ifndef PODWIRE_SPLIT_H
#define PODWIRE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct split {
  const uint8_t *packet;
  size_t length;
  /* From the packet's start to its transport header, and to its payload. */
  size_t transport;
  size_t headers;
  bool udp;
  /* Payload bytes in each frame but the last. */
  size_t segment;
  const uint8_t *prefix;
  size_t prefix_length;
};

/* NULL, or what is wrong with the lengths. */
const char *split_check(const struct split *split);

/* Bytes that the frames take. */
size_t split_size(const struct split *split);

/* Writes the frames. `target` has room for split_size bytes and overlaps neither packet nor prefix. */
void split_write(const struct split *split, uint8_t *target);

#endif
