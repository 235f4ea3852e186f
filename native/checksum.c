#include "checksum.h"

#include <string.h>

/*
 * Words are added as the machine reads them and swapped once at the end (RFC 1071 §2, B): 32 bits at a time into sums of
 * 64, so plain a loop that compilers make SIMD of it. For what this machine has, where the C library can choose.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define WIDEST __attribute__((target_clones("avx2", "default")))
#else
#define WIDEST
#endif

enum { BLOCK = 64 };

static inline uint64_t load64(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

WIDEST uint16_t pw_sum(const uint8_t *bytes, size_t length, uint32_t initial) {
  uint64_t sum = 0;
  size_t blocks = length & ~(size_t)(BLOCK - 1);
  for (size_t i = 0; i < blocks; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, sizeof word);
    sum += word;
  }
  /* Less than a block: fewer and wider steps, carries added back in. */
  for (bytes += blocks, length -= blocks; length >= 8; bytes += 8, length -= 8) sum = add_carry(sum, load64(bytes));
  if (length > 0) {
    uint64_t rest = 0;
    memcpy(&rest, bytes, length);
    sum = add_carry(sum, rest);
  }
  uint16_t folded = pw_fold(sum);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  folded = __builtin_bswap16(folded);
#endif
  return pw_fold((uint64_t)folded + initial);
}

WIDEST uint16_t pw_copy(uint8_t *restrict target, const uint8_t *restrict bytes, size_t length) {
  uint64_t sum = 0;
  size_t whole = length & ~(size_t)3;
  for (size_t i = 0; i < whole; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, sizeof word);
    memcpy(target + i, &word, sizeof word);
    sum += word;
  }
  uint32_t rest = 0;
  memcpy(&rest, bytes + whole, length - whole);
  memcpy(target + whole, &rest, length - whole);
  uint16_t folded = pw_fold(sum + rest);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  folded = __builtin_bswap16(folded);
#endif
  return folded;
}
