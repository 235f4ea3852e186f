/* Coalescing of received packets. Twin: src/bytes/join.ts. */
#ifndef PODWIRE_JOIN_H
#define PODWIRE_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "records.h"

/*
 * Every packet lies within `bytes`, with a virtio header's room before it; `joined` has room for `count` records and
 * overlaps nothing.
 */
void pw_join(uint8_t *bytes, const struct pw_record *packets, uint32_t count, struct pw_record *joined, bool tcp,
             bool udp);

#endif
