/* Pieces of one size, back to back, compared with the first of them. Twin: src/bytes/alike.ts. */
#ifndef PODWIRE_ALIKE_H
#define PODWIRE_ALIKE_H

#include <stddef.h>
#include <stdint.h>

/* How many of `count` pieces behind the first are the same as it in the bits of the mask, up to the first that is not. */
uint32_t pw_alike(const uint8_t *first, size_t step, uint32_t count, const uint8_t *mask, size_t length);

#endif
