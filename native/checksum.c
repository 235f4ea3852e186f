#include "checksum.h"

#include <string.h>

/*
 * Words are added as the machine reads them and swapped once at the end (RFC 1071 §2, B). Four accumulators of 64 bits,
 * carries added back in: nothing waits for the addition before it.
 */
static inline uint64_t load64(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

uint16_t pw_sum(const uint8_t *bytes, size_t length, uint32_t initial) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  for (; length >= 32; bytes += 32, length -= 32) {
    a = add_carry(a, load64(bytes));
    b = add_carry(b, load64(bytes + 8));
    c = add_carry(c, load64(bytes + 16));
    d = add_carry(d, load64(bytes + 24));
  }
  for (; length >= 8; bytes += 8, length -= 8) a = add_carry(a, load64(bytes));
  if (length > 0) {
    uint64_t rest = 0;
    memcpy(&rest, bytes, length);
    b = add_carry(b, rest);
  }
  uint16_t folded = pw_fold(add_carry(add_carry(a, b), add_carry(c, d)));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  folded = __builtin_bswap16(folded);
#endif
  return pw_fold((uint64_t)folded + initial);
}

uint16_t pw_copy(uint8_t *restrict target, const uint8_t *restrict bytes, size_t length) {
  /* 32 bits at a time into a sum of 64: so plain a loop that compilers make SIMD of it. */
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
