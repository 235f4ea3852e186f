/** Whether the cost of a packet grows with the table: pure. */
import { median } from '../../src/bench/statistics.js';
import type { Case } from './lookups.js';
import { SIZES } from './population.js';

export interface Growth {
  readonly way: Case['way'];
  readonly family: Case['family'];
  readonly targets: number;
  readonly table: string;
  readonly comparedWith: string;
  /** Median over rounds of what a packet costs in the one to what it costs in the other, in the same round. */
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
}

/** A tenth. */
export const TOLERATED = 1.1;

/**
 * The same targets in a small and in a large table: as many caches' worth of memory are touched, so what differs is the
 * search. `targets` 1 and 2 against the smallest table; as many as a smaller table has, against that table.
 */
export function growths(cases: readonly Case[]): Growth[] {
  const small = cases.filter(({ bytes }) => bytes === 64);
  return small.flatMap((one) => {
    const smallest = SIZES.find(({ peers, perFamily }) => peers * perFamily >= one.targets)?.name;
    const other = small.find(
      ({ way, family, targets, table }) =>
        way === one.way && family === one.family && targets === one.targets && table === smallest,
    );
    if (!other || other === one) return [];
    const ratios = one.rounds.map((ns, round) => ns / other.rounds[round]);
    const { way, family, targets, table } = one;
    const [ratio, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
    return { way, family, targets, table, comparedWith: other.table, ratio, least, most };
  });
}
