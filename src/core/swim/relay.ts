import type { Outbox } from './outbox.js';
import { NACK_AFTER, type SwimProfile } from './profile.js';
import type { Card, NodeId } from './types.js';

/** Ping-requests served at a time. */
const MOST = 1024;

interface Errand {
  readonly asker: NodeId;
  /** The asker's sequence number. */
  readonly seq: number;
  /** The asker's way back. */
  readonly via: unknown;
  readonly target: NodeId;
  /** ms */
  readonly nackAt: number;
}

/** Pings for others (SWIM §3.1), and tells them in time if there was no answer (Lifeguard §IV-A). */
export class Relay<C extends Card> {
  /** When the next nack is due, ms, or earlier; Infinity if nothing is on its way. */
  nextAt = Number.POSITIVE_INFINITY;
  readonly #outbox: Outbox<C>;
  readonly #nackAfter: number;
  /** By our sequence number, in the order of their nacks. */
  readonly #errands = new Map<number, Errand>();

  constructor(outbox: Outbox<C>, profile: SwimProfile) {
    this.#outbox = outbox;
    this.#nackAfter = NACK_AFTER * profile.probeTimeout;
  }

  /** Pings `target` for `asker`. Returns false if there is too much to do. */
  request(asker: NodeId, seq: number, target: NodeId, via: unknown, now: number): boolean {
    if (this.#errands.size >= MOST) return false;
    const own = this.#outbox.nextSeq();
    const nackAt = now + this.#nackAfter;
    this.#errands.set(own, { asker, seq, via, target, nackAt });
    this.nextAt = Math.min(this.nextAt, nackAt);
    this.#outbox.send(target, { kind: 'ping', seq: own, target });
    return true;
  }

  /** Whether the ack answers such a ping; the asker is told. */
  ack(seq: number, from: NodeId): boolean {
    const errand = this.#errands.get(seq);
    if (errand === undefined || errand.target !== from) return false;
    this.#errands.delete(seq);
    if (this.#errands.size === 0) this.nextAt = Number.POSITIVE_INFINITY;
    this.#outbox.send(errand.asker, { kind: 'ack', seq: errand.seq }, errand.via);
    return true;
  }

  /** Says so where no answer came in time. */
  due(now: number): void {
    this.nextAt = Number.POSITIVE_INFINITY;
    for (const [own, errand] of this.#errands) {
      if (errand.nackAt > now) {
        this.nextAt = errand.nackAt;
        return;
      }
      this.#errands.delete(own);
      this.#outbox.send(errand.asker, { kind: 'nack', seq: errand.seq }, errand.via);
    }
  }

  /** Too late for all. */
  reset(): void {
    this.#errands.clear();
    this.nextAt = Number.POSITIVE_INFINITY;
  }
}
