/* The Internet checksum (RFC 1071). Twin: src/bytes/checksum.ts. */
#ifndef PODWIRE_CHECKSUM_H
#define PODWIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Ones' complement sum of big-endian 16-bit words, an odd last byte padded with zero, folded, not complemented. */
uint16_t pw_sum(const uint8_t *bytes, size_t length, uint32_t initial);

/* Folds to 16 bits; 0 only if it was 0. */
static inline uint16_t pw_fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Copies bytes and sums them in the same pass. The two ranges do not overlap. */
uint16_t pw_copy(uint8_t *restrict target, const uint8_t *restrict bytes, size_t length);

#endif
