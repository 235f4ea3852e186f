import type { Awareness } from './awareness.js';
import type { Members } from './members.js';
import type { Outbox } from './outbox.js';
import type { SwimProfile } from './profile.js';
import { healthy, sample } from './sample.js';
import { type Card, type NodeId, SUSPECT, type SwimOutputs, type SwimTools } from './types.js';

/** Between probes; a direct ping is out; helpers were asked as well. */
type Phase = 'idle' | 'direct' | 'indirect';

/**
 * Probes one member after the other (SWIM §4.3): a ping; if it is not answered in time, ping-requests to helpers and a
 * ping over a stream; if nothing is answered by the end of the interval, suspicion.
 */
export class Prober<C extends Card> {
  /** When `due` is next to be called, ms. */
  at: number;
  readonly #members: Members<C>;
  readonly #outbox: Outbox<C>;
  readonly #awareness: Awareness;
  readonly #profile: SwimProfile;
  readonly #tools: SwimTools<C>;
  readonly #outputs: SwimOutputs<C>;
  #phase: Phase = 'idle';
  #seq = 0;
  #target: NodeId = 0;
  /** What the target last said when the probe began: what it says meanwhile is a sign of life. */
  #incarnation = 0;
  /** ms */
  #sentAt = 0;
  #deadline = 0;
  /** Asked for help and silent so far: neither ack nor nack. */
  #silent: NodeId[] = [];
  #helpers: readonly NodeId[] = [];

  constructor(
    members: Members<C>,
    outbox: Outbox<C>,
    awareness: Awareness,
    profile: SwimProfile,
    tools: SwimTools<C>,
    outputs: SwimOutputs<C>,
    now: number,
  ) {
    this.#members = members;
    this.#outbox = outbox;
    this.#awareness = awareness;
    this.#profile = profile;
    this.#tools = tools;
    this.#outputs = outputs;
    this.at = now + tools.random() * profile.probeInterval;
  }

  /** Does what `at` announced. */
  due(now: number): void {
    const missed = this.#phase !== 'idle' && this.#targetLives();
    if (missed && this.#phase === 'direct') {
      this.#askHelpers(now);
      return;
    }
    if (missed) this.#fail(now);
    this.#start(now);
  }

  /** Whether the ack was awaited, from whom it came. */
  ack(seq: number, from: NodeId, now: number): boolean {
    if (this.#phase === 'idle' || seq !== this.#seq) return false;
    if (from === this.#target) {
      const slot = this.#members.table.slotOf(from);
      if (slot >= 0) this.#members.table.rttMs[slot] = now - this.#sentAt;
    } else if (!this.#helpers.includes(from)) return false;
    this.#succeed();
    return true;
  }

  streamAck(seq: number): boolean {
    if (this.#phase !== 'indirect' || seq !== this.#seq) return false;
    this.#succeed();
    return true;
  }

  /** A helper is there, though the target did not answer it. */
  nack(seq: number, from: NodeId): boolean {
    if (this.#phase !== 'indirect' || seq !== this.#seq) return false;
    const place = this.#silent.indexOf(from);
    if (place < 0) return false;
    this.#silent.splice(place, 1);
    return true;
  }

  /** Whatever was asked is void; begins anew after an interval. */
  reset(now: number): void {
    this.#phase = 'idle';
    this.at = now + this.#profile.probeInterval;
  }

  stop(): void {
    this.#phase = 'idle';
    this.at = Number.POSITIVE_INFINITY;
  }

  #start(now: number): void {
    const { probeInterval, probeTimeout } = this.#profile;
    this.#phase = 'idle';
    this.#deadline = now + this.#awareness.scale(probeInterval);
    this.at = this.#deadline;
    const slot = this.#nextTarget();
    if (slot < 0) return;
    this.#phase = 'direct';
    this.#target = this.#members.table.nodes[slot];
    this.#incarnation = this.#members.table.incarnations[slot];
    this.#seq = this.#outbox.nextSeq();
    this.#sentAt = now;
    this.#helpers = [];
    this.#silent = [];
    this.at = now + this.#awareness.scale(probeTimeout);
    if (this.#reaches(this.#target)) {
      this.#outbox.send(this.#target, { kind: 'ping', seq: this.#seq, target: this.#target });
    } else {
      this.#askHelpers(now);
    }
  }

  /** The slot of the next member alive or suspect; -1 if there is none. */
  #nextTarget(): number {
    const { table } = this.#members;
    if (table.living === 0) return -1;
    for (let tries = table.size; tries > 0; tries--) {
      const slot = table.next(this.#tools.random);
      if (table.state(slot) <= SUSPECT) return slot;
    }
    return -1;
  }

  #askHelpers(now: number): void {
    const { indirectChecks, streamPing, probeInterval, probeTimeout } = this.#profile;
    this.#phase = 'indirect';
    // However late this is, the helpers get their time.
    this.at = Math.max(this.#deadline, now + this.#awareness.scale(probeInterval - probeTimeout));
    const helps = healthy((node) => node !== this.#target && this.#joins(node));
    this.#helpers = sample(this.#members.table, indirectChecks, helps, this.#tools.random);
    this.#silent = [...this.#helpers];
    for (const helper of this.#helpers) {
      this.#outbox.send(helper, { kind: 'ping-request', seq: this.#seq, target: this.#target });
    }
    if (streamPing && this.#reaches(this.#target)) this.#outputs.streamPing(this.#target, this.#seq);
  }

  #reaches(node: NodeId): boolean {
    return this.#tools.linked?.(this.#members.self, node) ?? true;
  }

  /** Whether a helper can be asked, and can ask the target. */
  #joins(helper: NodeId): boolean {
    return this.#reaches(helper) && (this.#tools.linked?.(helper, this.#target) ?? true);
  }

  /** Who was declared dead or has left meanwhile owes no answer. */
  #targetLives(): boolean {
    const { table } = this.#members;
    const slot = table.slotOf(this.#target);
    return slot >= 0 && table.state(slot) <= SUSPECT;
  }

  #succeed(): void {
    this.#awareness.change(-1);
    this.#phase = 'idle';
    this.at = this.#deadline;
  }

  /** Helpers that say nothing at all speak against this node rather than against the target (Lifeguard §IV-A). */
  #fail(now: number): void {
    // Nor does it where there was nobody to ask.
    if (this.#helpers.length > 0) this.#awareness.change(this.#silent.length);
    else if (this.#reaches(this.#target)) this.#awareness.change(1);
    const { self } = this.#members;
    this.#members.apply({ kind: 'suspect', node: this.#target, incarnation: this.#incarnation, from: self }, self, now);
  }
}
