/* The Internet checksum (RFC 1071): ones' complement sums of big-endian 16-bit words. */
#ifndef PODWIRE_CHECKSUM_H
#define PODWIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Folds a sum of big-endian words to 16 bits. It becomes 0 only if it was 0. */
uint32_t checksum_fold(uint64_t sum);

/* Sum of `length` bytes, an odd last one padded with zero; folded. Any alignment. */
uint32_t checksum_sum(const uint8_t *bytes, size_t length);

/* The same, of bytes that are copied on the way. The two ranges do not overlap. */
uint32_t checksum_copy(uint8_t *restrict target, const uint8_t *restrict bytes, size_t length);

/* Sum of both addresses of an IP packet of `version`: their part of the pseudo-header. */
uint32_t checksum_addresses(const uint8_t *packet, int version);

#endif
