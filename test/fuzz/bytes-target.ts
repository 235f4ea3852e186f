/** Superpackets and trains by chance: the addon's byte work and its twin do the same, to the last byte of memory. */
import { twins } from '../../src/bytes/index.js';
import type { ByteWork } from '../../src/bytes/work.js';
import { compare } from '../unit/bytes/twins.js';
import type { Mutator } from './mutate.js';
import type { Target } from './target.js';

/** Cases of one step. */
const ROUNDS = 10;

export function bytesTarget(share: number, work: ByteWork, { below }: Mutator): Target {
  let seed = 0;
  return {
    name: 'byte work',
    share,
    inputs: 0,
    next() {
      this.inputs += ROUNDS;
      seed = below(2 ** 32);
      const difference = compare(work, twins, seed, ROUNDS);
      if (difference) throw new Error(difference);
      return `same ${seed % 2}`;
    },
    latest: () => `seed ${seed}`,
  };
}
