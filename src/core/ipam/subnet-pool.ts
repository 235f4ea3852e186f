/** A cluster's ranges, divided into blocks of one size: the subnets that nodes can claim. Pure. */
import {
  type Address,
  familyBits,
  formatPrefix,
  type Prefix,
  prefixesOverlap,
  type Words,
} from '../../wire/address.js';
import { PodwireError } from '../../wire/error.js';

/** Blocks that are told apart at most: more than a cluster has nodes by far. */
const MOST_BLOCKS = 2 ** 20;
/** A pod subnet holds the node's own address, a gateway and pods. */
const LONGEST = { 4: 30, 6: 126 } as const;

interface Range {
  readonly prefix: Prefix;
  /** Length of a block. */
  readonly length: number;
  readonly first: bigint;
  /** Addresses of a block. */
  readonly step: bigint;
}

export class SubnetPool {
  /** Number of blocks. A block is one subnet of each family, of the same index in both. */
  readonly size: number;
  readonly #ranges: readonly Range[];

  /**
   * @param clusterCidr at most one for each family
   * @param podPrefix length of a node's subnet, for each family
   * @throws PodwireError CONFIG: a block does not fit its range, or holds no pods
   */
  constructor(clusterCidr: readonly Prefix[], podPrefix: Readonly<Record<4 | 6, number>>) {
    this.#ranges = clusterCidr.map((prefix) => {
      const length = podPrefix[prefix.family];
      if (length < prefix.length || length > LONGEST[prefix.family]) {
        throw new PodwireError(
          'CONFIG',
          `podPrefix ${length} does not divide ${formatPrefix(prefix)}: write ${prefix.length} to ${LONGEST[prefix.family]}`,
        );
      }
      return { prefix, length, first: toNumber(prefix), step: 1n << BigInt(familyBits(prefix.family) - length) };
    });
    this.size = Math.min(MOST_BLOCKS, ...this.#ranges.map(({ prefix, length }) => 2 ** (length - prefix.length)));
  }

  /** The subnets of a block, in the order of the cluster's ranges. @param index from 0, below `size` */
  at(index: number): Prefix[] {
    return this.#ranges.map(({ prefix, length, first, step }) => ({
      family: prefix.family,
      length,
      words: toWords(first + BigInt(index) * step),
    }));
  }

  /** Indexes of the blocks that have an address in common with any of these prefixes, be they smaller or larger. */
  *indexes(prefixes: readonly Prefix[]): Generator<number> {
    for (const other of prefixes) {
      for (const { prefix, first, step } of this.#ranges) {
        if (!prefixesOverlap(prefix, other)) continue;
        const bits = familyBits(other.family) - other.length;
        const from = toNumber(other) - first;
        const to = from + (1n << BigInt(bits)) - 1n;
        const last = Math.min(this.size - 1, Number(to / step));
        for (let index = from < 0n ? 0 : Number(from / step); index <= last; index++) yield index;
      }
    }
  }
}

function toNumber({ words }: Address | Prefix): bigint {
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

function toWords(value: bigint): Words {
  const word = (shift: bigint) => Number((value >> shift) & 0xffff_ffffn) | 0;
  return [word(96n), word(64n), word(32n), word(0n)];
}
