import { PodwireError } from '../../wire/error.js';
import { Awareness } from './awareness.js';
import type { CardStore } from './card-store.js';
import { MAX_INCARNATION, Members } from './members.js';
import { Outbox } from './outbox.js';
import { Prober } from './prober.js';
import { pushPullInterval, type SwimProfile } from './profile.js';
import { Relay } from './relay.js';
import { Circle, healthy, linkedTo, sample } from './sample.js';
import {
  type Card,
  type MemberRecord,
  type MemberView,
  type NodeId,
  type Packet,
  type Probe,
  SUSPECT,
  type SwimCounts,
  type SwimOutputs,
  type SwimTools,
} from './types.js';

/** Called later than `wakeAt` by more than this many probe intervals, this node was stopped rather than slow. */
const STALL = 3;

/** If more than this part of the members came back from the dead since the last exchange of states, a split has healed. */
const HEALED = 1 / 8;

export interface SwimOptions<C extends Card> {
  /** This node. */
  readonly self: NodeId;
  /** Its card under `incarnation`. */
  readonly card: C;
  /** To begin with, 32 bits; higher than in any earlier life, or else it has to be refuted first. */
  readonly incarnation: number;
  readonly profile: SwimProfile;
  readonly tools: SwimTools<C>;
  readonly outputs: SwimOutputs<C>;
  /** May be shared with other instances. */
  readonly cards: CardStore<C>;
  /** ms, monotonic, as everywhere here. */
  readonly now: number;
  /** Members to expect: memory is reserved for them. */
  readonly capacity?: number;
}

/**
 * SWIM with Lifeguard for one node, as a state machine: inputs are packets, states of others and the time; outputs are
 * calls of `SwimOutputs`. It has no timers: `wake` is to be called at `wakeAt`, which every other call may change.
 *
 * A node that was stopped for long (a suspended machine) trusts nothing that it awaited: running probes are void,
 * suspicions get the lost time added, its health is worse by one, and it exchanges states at once, since the others may
 * well have declared it dead.
 */
export class Swim<C extends Card> {
  readonly self: NodeId;
  /** What became of input that changed nothing. */
  readonly counts: SwimCounts = {
    staleUpdates: 0,
    unknownNodes: 0,
    unknownAcks: 0,
    conflicts: 0,
    refusedMembers: 0,
    invalidUpdates: 0,
    impossibleIncarnations: 0,
    oversizedUpdates: 0,
    misdirected: 0,
    refusedRelays: 0,
    stalls: 0,
  };
  readonly #profile: SwimProfile;
  readonly #tools: SwimTools<C>;
  readonly #outputs: SwimOutputs<C>;
  readonly #awareness: Awareness;
  readonly #members: Members<C>;
  readonly #outbox: Outbox<C>;
  readonly #prober: Prober<C>;
  readonly #relay: Relay<C>;
  readonly #listeners: Circle;
  /** The last gossip, and the next if there is news and somebody to tell it, ms. */
  #gossipedAt: number;
  #gossipAt = Number.POSITIVE_INFINITY;
  #pushPullAt: number;

  constructor(options: SwimOptions<C>) {
    const { self, profile, tools, outputs, now } = options;
    this.self = self;
    this.#profile = profile;
    this.#tools = tools;
    this.#outputs = outputs;
    this.#awareness = new Awareness(profile.awarenessMax);
    this.#members = new Members({
      ...options,
      notify: (event) => outputs.notify(event),
      awareness: this.#awareness,
      counts: this.counts,
    });
    this.#outbox = new Outbox(this.#members, profile, tools, outputs);
    this.#prober = new Prober(this.#members, this.#outbox, this.#awareness, profile, tools, outputs, now);
    this.#relay = new Relay(this.#outbox, profile);
    this.#listeners = new Circle(this.#members.table, tools.random);
    this.#gossipedAt = now;
    this.#pushPullAt = now + tools.random() * profile.pushPullInterval;
  }

  // Inputs.

  /**
   * A datagram, from a member or a stranger.
   * @param via handed to `send` with the answer
   */
  handlePacket(packet: Packet<C>, now: number, via?: unknown): void {
    this.#noticeStall(now);
    if (packet.from === this.self) {
      this.counts.misdirected++;
      return;
    }
    // The answer may then carry what the updates led to: a refutation is back at once.
    for (const update of packet.updates) this.#members.apply(update, packet.from, now);
    if (packet.updates.some((update) => this.#members.wasRefuted(update))) this.#outbox.refute(packet.from);
    if (packet.probe !== undefined) this.#handleProbe(packet.probe, packet.from, now, via);
    this.#plan(now);
  }

  /** `streamPing` with that number was answered. */
  handleStreamAck(seq: number, now: number): void {
    this.#noticeStall(now);
    if (!this.#prober.streamAck(seq)) this.counts.unknownAcks++;
  }

  /** The full state of another member, its own record in it. */
  mergeState(records: Iterable<MemberRecord<C>>, now: number): void {
    this.#noticeStall(now);
    // Whoever comes in alone learns what the others have long known: that is no news to anybody.
    const alone = this.#members.table.living === 0;
    for (const record of records) {
      this.#members.merge(record, alone && record.ageMs > this.#profile.pushPullInterval, now);
    }
    this.#plan(now);
  }

  /** Does everything that is due. */
  wake(now: number): void {
    this.#noticeStall(now);
    if (this.#relay.nextAt <= now) this.#relay.due(now);
    if (this.#prober.at <= now) this.#prober.due(now);
    if (this.#members.suspicions.nextAt <= now) this.#members.expire(now);
    if (this.#pushPullAt <= now) this.#pushPull(now);
    if (this.#members.sweepAt <= now) this.#members.forget(now);
    this.#plan(now);
    if (this.#gossipAt <= now) this.#gossip(now);
  }

  /** When `wake` is to be called, ms; Infinity: never, if nothing else is called. */
  wakeAt(): number {
    return Math.min(
      this.#prober.at,
      this.#gossipAt,
      this.#members.suspicions.nextAt,
      this.#relay.nextAt,
      this.#pushPullAt,
      this.#members.sweepAt,
    );
  }

  /** What an own new card has to be made with. After the last there is no other: it stays. */
  nextIncarnation(): number {
    return Math.min(this.#members.incarnation + 1, MAX_INCARNATION);
  }

  /**
   * This node's card has changed. Throws `PodwireError` INTERNAL, and nothing was changed, if the incarnation is not above
   * the present one: then this node has refuted since `nextIncarnation` was asked. In the last incarnation, only those who do
   * not know this node yet learn of the change.
   */
  update(card: C, incarnation: number, now: number): void {
    this.#noticeStall(now);
    if (incarnation <= this.incarnation && incarnation !== MAX_INCARNATION) {
      throw new PodwireError('INTERNAL', `a card of incarnation ${incarnation}, now it is ${this.incarnation}`);
    }
    this.#members.renew(card, incarnation);
    this.#plan(now);
  }

  /** Says goodbye and stops probing. It spreads while `wake` goes on being called: until `pending` is 0. */
  leave(now: number): void {
    if (this.leaving) return;
    this.#members.leave(now);
    this.#prober.stop();
    this.#pushPullAt = Number.POSITIVE_INFINITY;
    this.#plan(now);
  }

  // For reading.

  /** This node's full state, itself first: for `mergeState` of another. To be read at once. */
  *pushState(now: number): Generator<MemberRecord<C>> {
    for (const { node, state, incarnation, card, since } of this.members()) {
      yield { node, state, incarnation, card, ageMs: Math.max(0, now - since) };
    }
  }

  /** All members, this node first. To be read at once. */
  *members(): Generator<MemberView<C>> {
    yield this.#members.selfView();
    for (let slot = 0; slot < this.#members.table.size; slot++) yield this.#members.view(slot);
  }

  member(node: NodeId): MemberView<C> | undefined {
    if (node === this.self) return this.#members.selfView();
    const slot = this.#members.table.slotOf(node);
    return slot < 0 ? undefined : this.#members.view(slot);
  }

  /** Members alive or suspect, with this node until it leaves. */
  get alive(): number {
    return this.#members.alive;
  }

  /** All members, the dead and left ones too, with this node. */
  get size(): number {
    return this.#members.table.size + 1;
  }

  /** Local health: 0 is good, `awarenessMax` the worst. */
  get awareness(): number {
    return this.#awareness.score;
  }

  get incarnation(): number {
    return this.#members.incarnation;
  }

  get leaving(): boolean {
    return this.#members.leaving;
  }

  /** Updates still to be told. */
  get pending(): number {
    return this.#members.broadcasts.pending;
  }

  // What is done.

  #handleProbe(probe: Probe, from: NodeId, now: number, via: unknown): void {
    switch (probe.kind) {
      case 'ping':
        if (probe.target === this.self) this.#outbox.send(from, { kind: 'ack', seq: probe.seq }, via);
        else this.counts.misdirected++;
        break;
      case 'ping-request':
        this.#help(from, probe.seq, probe.target, now, via);
        break;
      case 'ack':
        if (!this.#prober.ack(probe.seq, from, now) && !this.#relay.ack(probe.seq, from)) this.counts.unknownAcks++;
        break;
      case 'nack':
        if (!this.#prober.nack(probe.seq, from)) this.counts.unknownAcks++;
        break;
    }
  }

  #help(asker: NodeId, seq: number, target: NodeId, now: number, via: unknown): void {
    if (target === this.self) {
      this.#outbox.send(asker, { kind: 'ack', seq }, via);
      return;
    }
    const known = this.#members.table.slotOf(target) >= 0;
    if (known && this.#relay.request(asker, seq, target, via, now)) return;
    this.counts.refusedRelays++;
    this.#outbox.send(asker, { kind: 'nack', seq }, via);
  }

  /** What happened may call for something sooner than it was due. */
  #plan(now: number): void {
    this.#planGossip(now);
    if (this.#members.revived > HEALED * this.alive) this.#planExchange(now);
  }

  /**
   * A split has healed. The first news of either half was told where it was known already, so that some of it misses
   * somebody: everybody exchanges states once, soon.
   */
  #planExchange(now: number): void {
    const soon = this.#profile.pushPullInterval / 3;
    if (this.#pushPullAt > now + soon && !this.leaving) this.#pushPullAt = now + this.#tools.random() * soon;
  }

  /** Gossip is planned only while there is news and somebody to tell it: at once, if the last is an interval ago. */
  #planGossip(now: number): void {
    if (this.#gossipAt !== Number.POSITIVE_INFINITY) return;
    const { broadcasts, table, lastDeath } = this.#members;
    if (broadcasts.pending === 0) return;
    const at = Math.max(now, this.#gossipedAt + this.#profile.gossipInterval);
    if (table.living > 0 || lastDeath + this.#profile.gossipToTheDead > at) this.#gossipAt = at;
  }

  #gossip(now: number): void {
    this.#gossipedAt = now;
    this.#gossipAt = Number.POSITIVE_INFINITY;
    const { gossipNodes, gossipToTheDead } = this.#profile;
    const only = linkedTo(this.self, this.#tools);
    const eligible = { upTo: SUSPECT, deadSince: now - gossipToTheDead, only } as const;
    for (const node of this.#listeners.next(gossipNodes, eligible)) this.#outbox.gossip(node);
    this.#plan(now);
  }

  #pushPull(now: number): void {
    this.#pushPullAt = now + pushPullInterval(this.#profile, this.alive);
    this.#members.revived = 0;
    const [partner] = sample(this.#members.table, 1, healthy(linkedTo(this.self, this.#tools)), this.#tools.random);
    if (partner !== undefined) this.#outputs.sync(partner);
  }

  #noticeStall(now: number): void {
    const late = now - this.wakeAt();
    if (!(late > STALL * this.#profile.probeInterval)) return;
    this.counts.stalls++;
    this.#awareness.change(1);
    this.#members.suspicions.postpone(late);
    this.#members.sweepAt = Math.max(this.#members.sweepAt, now);
    this.#relay.reset();
    this.#gossipAt = Number.POSITIVE_INFINITY;
    if (this.leaving) return;
    this.#prober.reset(now);
    this.#pushPullAt = now;
  }
}
