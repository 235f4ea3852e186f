/**
 * Finding a prefix: open addressing with linear probing, keyed by address and length together. Readers and the writer
 * search the same way, so it is written once.
 *
 * The hash is simple tabulation: each byte of the key picks a random word, and the words are XORed. Linear probing with
 * it takes constant expected time whatever the keys are (Patrascu and Thorup, "The power of simple tabulation
 * hashing", 2012), so subnets that differ in few bits spread well; and who does not know the random words cannot aim
 * at collisions. A byte of zero picks zero, which moves all hashes alike and so changes nothing of that; but the words
 * of zeros that masks and mapped IPv4 addresses are full of then cost nothing.
 */
import type { Layout } from './layout.js';
import { LENGTHS, SLOT_LENGTH, SLOT_WORDS } from './layout.js';

/** Four words for each mapped length: the bits that belong to the network. */
export const MASKS: Int32Array = makeMasks();

/**
 * Makes the keys: `KEYS` random words in, one table of 256 words for each byte of an address (the last byte's first),
 * then one word for each length.
 */
export function makeKeys(random: Int32Array): Int32Array {
  for (let table = 0; table < 16; table++) random[256 * table] = 0;
  return random;
}

/** HOT. Hash of an address, whose bits behind `length` are zero, and a mapped length. `keys` is where the keys stand. */
export function hash(
  words: Int32Array,
  keys: number,
  a: number,
  b: number,
  c: number,
  d: number,
  length: number,
): number {
  let hashed = words[keys + 4096 + length];
  if (d !== 0) hashed ^= hashWord(words, keys, d);
  if (c !== 0) hashed ^= hashWord(words, keys + 1024, c);
  if (b !== 0) hashed ^= hashWord(words, keys + 2048, b);
  if (a !== 0) hashed ^= hashWord(words, keys + 3072, a);
  return hashed;
}

function hashWord(words: Int32Array, keys: number, word: number): number {
  return (
    words[keys + (word & 255)] ^
    words[keys + 256 + ((word >>> 8) & 255)] ^
    words[keys + 512 + ((word >>> 16) & 255)] ^
    words[keys + 768 + (word >>> 24)]
  );
}

/**
 * HOT. First word of the slot that holds this prefix, or else of the empty slot where it would go; which of the two, its
 * `SLOT_LENGTH` tells (0: empty). `start` is where the copy stands, `hashed` the prefix's hash.
 */
export function find(
  words: Int32Array,
  layout: Layout,
  start: number,
  hashed: number,
  a: number,
  b: number,
  c: number,
  d: number,
  length: number,
): number {
  const first = start + layout.slots;
  const mask = layout.slotMask;
  for (let index = hashed & mask; ; index = (index + 1) & mask) {
    const slot = first + index * SLOT_WORDS;
    const held = words[slot + SLOT_LENGTH];
    if (held === 0) return slot;
    if (
      held === length + 1 &&
      words[slot + 3] === d &&
      words[slot + 2] === c &&
      words[slot + 1] === b &&
      words[slot] === a
    ) {
      return slot;
    }
  }
}

function makeMasks(): Int32Array {
  const masks = new Int32Array(LENGTHS * 4);
  for (let length = 0; length < LENGTHS; length++) {
    for (let word = 0; word < 4; word++) {
      const bits = Math.min(32, Math.max(0, length - 32 * word));
      masks[4 * length + word] = bits === 0 ? 0 : -1 << (32 - bits);
    }
  }
  return masks;
}
