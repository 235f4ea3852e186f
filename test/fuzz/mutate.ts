/** Changes to bytes that are likely to matter to a decoder, from an injected randomness. */
import type { Random } from '../../src/core/random.js';

export interface Mutator {
  readonly random: Random;
  /** A whole number, 0 <= x < limit. */
  below(limit: number): number;
  /** A copy with up to four changes; it may be longer or shorter, or the same. */
  mutate(seed: Buffer): Buffer;
}

export function mutator(random: Random): Mutator {
  const below = (limit: number) => Math.floor(random() * limit);

  /** A copy with a few changes: bits, bytes, telling values, lengths, and pieces moved about. */
  const mutate = (seed: Buffer): Buffer => {
    let input = Buffer.from(seed);
    for (let changes = below(5); changes > 0 && input.length > 0; changes--) {
      const at = random() < 0.7 ? below(Math.min(input.length, 96)) : below(input.length);
      switch (below(7)) {
        case 0:
          input[at] ^= 1 << below(8);
          break;
        case 1:
          input[at] = below(256);
          break;
        case 2:
          input[at] = [0, 1, 2, 4, 8, 0x45, 0x4f, 0x60, 0x7f, 0x80, 0xff][below(11)];
          break;
        case 3:
          input = Buffer.from(input.subarray(0, at));
          break;
        case 4:
          input = Buffer.concat([input, Buffer.alloc(below(40), below(256))]);
          break;
        case 5:
          input.copyWithin(at, below(input.length));
          break;
        default:
          if (at + 1 < input.length)
            input.writeUInt16BE([0, input.length, input.length - 40, 0x2000, 0xffff][below(5)] & 0xffff, at);
      }
    }
    return input;
  };

  return { random, below, mutate };
}
