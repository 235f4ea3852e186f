/* A ones' complement sum does not depend on byte order (RFC 1071 §2 (B)): words are added as the machine loads them and
 * the folded result is turned once. 32 bits are loaded at a time into a sum of 64, which cannot overflow below 2^32
 * words; compilers make SIMD of so plain a loop. */
#include "checksum.h"

#include <arpa/inet.h>
#include <string.h>

#include "headers.h"

uint32_t checksum_fold(uint64_t sum) {
  sum = (sum >> 32) + (uint32_t)sum;
  sum = (sum >> 32) + (uint32_t)sum;
  sum = (sum >> 16) + (uint16_t)sum;
  sum = (sum >> 16) + (uint16_t)sum;
  return (uint32_t)((sum >> 16) + (uint16_t)sum);
}

/* The last `length` bytes, fewer than 4, as words in the machine's order. */
static inline uint32_t tail(const uint8_t *bytes, size_t length) {
  uint32_t word = 0;
  for (size_t i = 0; i < length; i++) ((uint8_t *)&word)[i] = bytes[i];
  return word;
}

uint32_t checksum_sum(const uint8_t *bytes, size_t length) {
  uint64_t sum = 0;
  size_t words = length / 4;
  for (size_t i = 0; i < words; i++) {
    uint32_t word;
    memcpy(&word, bytes + 4 * i, 4);
    sum += word;
  }
  sum += tail(bytes + 4 * words, length % 4);
  return ntohs((uint16_t)checksum_fold(sum));
}

uint32_t checksum_copy(uint8_t *restrict target, const uint8_t *restrict bytes, size_t length) {
  uint64_t sum = 0;
  size_t words = length / 4;
  for (size_t i = 0; i < words; i++) {
    uint32_t word;
    memcpy(&word, bytes + 4 * i, 4);
    memcpy(target + 4 * i, &word, 4);
    sum += word;
  }
  for (size_t i = 4 * words; i < length; i++) target[i] = bytes[i];
  sum += tail(bytes + 4 * words, length % 4);
  return ntohs((uint16_t)checksum_fold(sum));
}

uint32_t checksum_addresses(const uint8_t *packet, int version) {
  return version == 4 ? checksum_sum(packet + IPV4_SOURCE, 8) : checksum_sum(packet + IPV6_SOURCE, 32);
}
