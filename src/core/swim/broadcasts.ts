import type { Card, NodeId, Update } from './types.js';

/** Updates too large for the room left that are passed over before a packet counts as full. */
const MISSES = 8;

interface Queued<C extends Card> {
  readonly update: Update<C>;
  /** bytes */
  readonly size: number;
  sent: number;
}

/**
 * What is to be told: one update a node, the latest. What was sent the least often goes first (SWIM §4.1), and of that
 * the oldest; what was sent often enough is dropped.
 */
export class Broadcasts<C extends Card> {
  readonly #sizeOf: (update: Update<C>) => number;
  readonly #largest: number;
  readonly #byNode = new Map<NodeId, Queued<C>>();
  /** By how often they were sent; none while nothing waits. */
  readonly #tiers: Set<Queued<C>>[] = [];

  /**
   * @param sizeOf bytes of an update in a packet
   * @param largest bytes of the largest update that a packet can carry
   */
  constructor(sizeOf: (update: Update<C>) => number, largest: number) {
    this.#sizeOf = sizeOf;
    this.#largest = largest;
  }

  /** Updates that wait. */
  get pending(): number {
    return this.#byNode.size;
  }

  /** Takes an update in, in place of a former one about that node. Returns false, and drops both, if no packet can carry it. */
  put(update: Update<C>): boolean {
    this.#drop(update.node);
    const size = this.#sizeOf(update);
    if (size > this.#largest) return false;
    const queued = { update, size, sent: 0 };
    this.#byNode.set(update.node, queued);
    this.#tier(0).add(queued);
    return true;
  }

  /**
   * Adds to a packet what fits in `room`, and counts it as sent once more.
   * @param room bytes
   * @param limit how often an update is sent in all
   */
  take(room: number, limit: number, into: Update<C>[]): void {
    const taken = this.#choose(room);
    for (const queued of taken) {
      into.push(queued.update);
      queued.sent++;
      if (queued.sent < limit) this.#tier(queued.sent).add(queued);
      else this.#byNode.delete(queued.update.node);
    }
    if (this.pending === 0) this.#tiers.length = 0;
  }

  #choose(room: number): Queued<C>[] {
    const taken: Queued<C>[] = [];
    let left = room;
    let misses = 0;
    for (const tier of this.#tiers) {
      for (const queued of tier) {
        if (queued.size > left) {
          if (++misses === MISSES) return taken;
          continue;
        }
        left -= queued.size;
        tier.delete(queued);
        taken.push(queued);
      }
    }
    return taken;
  }

  #drop(node: NodeId): void {
    const queued = this.#byNode.get(node);
    if (queued === undefined) return;
    this.#byNode.delete(node);
    this.#tiers[queued.sent].delete(queued);
  }

  #tier(sent: number): Set<Queued<C>> {
    while (this.#tiers.length <= sent) this.#tiers.push(new Set());
    return this.#tiers[sent];
  }
}
