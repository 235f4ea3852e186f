#include "alike.h"

#include <stdbool.h>
#include <string.h>

static uint64_t word(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static bool same(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t length) {
  uint64_t different = 0;
  size_t i = 0;
  for (; i + sizeof different <= length; i += sizeof different) different |= (word(a + i) ^ word(b + i)) & word(mask + i);
  for (; i < length; i++) different |= (a[i] ^ b[i]) & mask[i];
  return different == 0;
}

uint32_t pw_alike(const uint8_t *first, size_t step, uint32_t count, const uint8_t *mask, size_t length) {
  const uint8_t *piece = first + step;
  for (uint32_t i = 0; i < count; i++, piece += step)
    if (!same(first, piece, mask, length)) return i;
  return count;
}
