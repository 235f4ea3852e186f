/** A network as it is: it takes time, loses, doubles, and splits. All by one seed. */
import type { Random } from '../core/random.js';

/** How long a datagram takes, and what becomes of it. Parts are 0 to 1. */
export interface NetworkModel {
  /** One way, ms: the least, and what is added at random. */
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Part of the datagrams that is lost, and that arrives twice. */
  readonly loss: number;
  readonly duplicate: number;
}

/**
 * What of a slow node stands still: all of it, its timers as well; or only what it receives, while its timers go on and
 * accuse others of not answering: what Lifeguard was tried with (arXiv 1707.00788 §V).
 */
export type Slowness = 'node' | 'receiving';

interface Stall {
  readonly what: Slowness;
  from: number;
  until: number;
  readonly longestMs: number;
}

/** A stream sends again what was lost: after so long the first time, ms (Linux's least), and twice as long each further time. */
const RETRANSMISSION = 200;

/** Says when what is sent arrives, if it does; it holds no packets. Nodes are numbers from 0. */
export class SimNetwork {
  readonly #model: NetworkModel;
  readonly #random: Random;
  /** By node: only nodes of one group reach each other. */
  #groups: Uint8Array | undefined;
  /** Slow nodes, with the stall that lasts or comes next. */
  readonly #slow = new Map<number, Stall>();

  constructor(model: NetworkModel, random: Random) {
    this.#model = model;
    this.#random = random;
  }

  /** @param groups of each node; undefined: all reach all */
  split(groups: Uint8Array | undefined): void {
    this.#groups = groups;
  }

  /**
   * A node that does nothing for a time and then works for a time, each as long as chance has it.
   * @param longestMs of both, above 0
   */
  setSlow(node: number, now: number, what: Slowness, longestMs: number): void {
    this.#slow.set(node, { what, from: now, until: now + this.#random() * longestMs, longestMs });
  }

  /** All nodes are as fast as can be. */
  mendSlow(): void {
    this.#slow.clear();
  }

  isSlow(node: number): boolean {
    return this.#slow.has(node);
  }

  reaches(from: number, to: number): boolean {
    return this.#groups === undefined || this.#groups[from] === this.#groups[to];
  }

  /** When copies of a datagram that is sent now arrive, ms; none if it is lost. */
  arrivals(from: number, to: number, now: number): number[] {
    const { loss, duplicate } = this.#model;
    if (!this.reaches(from, to) || this.#random() < loss) return [];
    return this.#random() < duplicate ? [now + this.latency(), now + this.latency()] : [now + this.latency()];
  }

  /** One way, ms. */
  latency(): number {
    return this.#model.latencyMs + this.#random() * this.#model.jitterMs;
  }

  /** The time of so many packets of a stream, each of which waits for the one before, ms: none is lost for good. */
  streamLatency(packets: number): number {
    let total = 0;
    for (let i = 0; i < packets; i++) {
      for (let again = RETRANSMISSION; this.#random() < this.#model.loss && again < 64 * RETRANSMISSION; again *= 2) {
        total += again;
      }
      total += this.latency();
    }
    return total;
  }

  /** When a node is woken whose timer is due now: later, if its timers stand still. */
  wokenAt(node: number, now: number): number {
    return this.#slow.get(node)?.what === 'receiving' ? now : this.workedAt(node, now);
  }

  /** When a node gets to what has come now: later, if it is slow. */
  workedAt(node: number, now: number): number {
    const stall = this.#slow.get(node);
    if (!stall) return now;
    while (now >= stall.until) {
      stall.from = stall.until + this.#random() * stall.longestMs;
      stall.until = stall.from + this.#random() * stall.longestMs;
    }
    return now < stall.from ? now : stall.until;
  }
}
