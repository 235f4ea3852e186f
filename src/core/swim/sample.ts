import type { Random } from '../random.js';
import type { MemberTable } from './member-table.js';
import { ALIVE, type Card, DEAD, type MemberState, type NodeId, type SUSPECT, type SwimTools } from './types.js';

/** Whom to draw. */
export interface Eligible {
  /** Members in this state or a lighter one. */
  readonly upTo: typeof ALIVE | typeof SUSPECT;
  /** And those that died after this, ms. */
  readonly deadSince?: number;
  /** But never this one. */
  readonly except?: NodeId;
  /** And only those for whom this holds. */
  readonly only?: ((node: NodeId) => boolean) | undefined;
}

/** At most `count` random members, none twice; fewer if there are not as many. */
export function sample(table: MemberTable, count: number, eligible: Eligible, random: Random): NodeId[] {
  const chosen: NodeId[] = [];
  // Where most are eligible, a few draws do; where few are, all are looked at from a random place on.
  for (let draws = 3 * count; draws > 0 && chosen.length < count && table.size > 0; draws--) {
    choose(table, Math.floor(random() * table.size), eligible, chosen);
  }
  if (chosen.length === count) return chosen;
  const start = Math.floor(random() * table.size);
  for (let i = 0; i < table.size && chosen.length < count; i++) {
    choose(table, (start + i) % table.size, eligible, chosen);
  }
  return chosen;
}

/**
 * Members in turn, from a random one on. Who gossips in turn tells an update to as many as there are transmissions of
 * it; random draws would tell some twice, and now and then leave one out.
 */
export class Circle {
  readonly #table: MemberTable;
  #at: number;

  constructor(table: MemberTable, random: Random) {
    this.#table = table;
    this.#at = Math.floor(random() * 2 ** 31);
  }

  /** At most `count` of them. */
  next(count: number, eligible: Eligible): NodeId[] {
    const chosen: NodeId[] = [];
    for (let looks = this.#table.size; looks > 0 && chosen.length < count; looks--) {
      this.#at = (this.#at + 1) % this.#table.size;
      choose(this.#table, this.#at, eligible, chosen);
    }
    return chosen;
  }
}

function choose(table: MemberTable, slot: number, eligible: Eligible, chosen: NodeId[]): void {
  const node = table.nodes[slot];
  if (node === eligible.except || !fits(table.state(slot), table.since[slot], eligible)) return;
  if (!chosen.includes(node) && (eligible.only?.(node) ?? true)) chosen.push(node);
}

function fits(state: MemberState, since: number, { upTo, deadSince }: Eligible): boolean {
  return state <= upTo || (state === DEAD && deadSince !== undefined && since > deadSince);
}

/** Members of whom an answer is expected. */
export const healthy = (only?: (node: NodeId) => boolean): Eligible => ({ upTo: ALIVE, only });

/** Those that this one can reach; undefined: all. */
export function linkedTo(node: NodeId, { linked }: Pick<SwimTools<Card>, 'linked'>): Eligible['only'] {
  return linked && ((other) => linked(node, other));
}
