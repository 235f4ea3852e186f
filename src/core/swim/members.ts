import type { Awareness } from './awareness.js';
import { Broadcasts } from './broadcasts.js';
import type { CardStore } from './card-store.js';
import { MemberTable } from './member-table.js';
import type { SwimProfile } from './profile.js';
import { Suspicions } from './suspicion.js';
import {
  ALIVE,
  type Card,
  DEAD,
  LEFT,
  type MemberRecord,
  type MemberState,
  type MemberView,
  type NodeId,
  SUSPECT,
  type SwimCounts,
  type SwimEvent,
  type SwimTools,
  type Update,
} from './types.js';

/** Incarnations are 32 bits, unsigned. */
export const MAX_INCARNATION = 2 ** 32 - 1;

/** Expired members are looked for at most this often in `forgetAfter`: it means looking at all. */
const SWEEPS = 60;

export interface MembersOptions<C extends Card> {
  readonly self: NodeId;
  readonly card: C;
  readonly incarnation: number;
  readonly profile: SwimProfile;
  readonly tools: SwimTools<C>;
  readonly notify: (event: SwimEvent<C>) => void;
  readonly cards: CardStore<C>;
  readonly awareness: Awareness;
  readonly counts: SwimCounts;
  readonly now: number;
  /** Members to expect. */
  readonly capacity?: number;
}

/**
 * Who is in what state, and which claim overrides which. SWIM §4.2, with a way back for the dead:
 *
 *   claim, incarnation i | overrides, at incarnation j
 *   alive                | anything, i > j
 *   suspect              | alive, i >= j; suspect, i > j
 *   dead                 | alive, suspect, i >= j; dead, i > j
 *   left                 | alive, suspect, dead, i >= j; left, i > j
 *
 * What changes anything here is news and told on. Claims about this node itself are not believed but refuted.
 */
export class Members<C extends Card> {
  readonly self: NodeId;
  readonly table: MemberTable;
  readonly suspicions: Suspicions;
  readonly broadcasts: Broadcasts<C>;
  readonly counts: SwimCounts;
  leaving = false;
  card: C;
  incarnation: number;
  /** When the last member died, ms. */
  lastDeath = Number.NEGATIVE_INFINITY;
  /** Members that came back from the dead; whoever reads it may set it to 0. */
  revived = 0;
  /** When to look for members to forget, ms. */
  sweepAt = Number.POSITIVE_INFINITY;
  readonly #profile: SwimProfile;
  readonly #tools: SwimTools<C>;
  readonly #notify: (event: SwimEvent<C>) => void;
  readonly #cards: CardStore<C>;
  readonly #awareness: Awareness;
  /** When this node's own state began, ms. */
  #since: number;

  constructor(options: MembersOptions<C>) {
    const { profile, tools } = options;
    this.self = options.self;
    this.card = options.card;
    this.incarnation = options.incarnation;
    this.counts = options.counts;
    this.table = new MemberTable(options.capacity);
    this.suspicions = new Suspicions(profile);
    this.broadcasts = new Broadcasts(tools.sizeOf, profile.packetBytes - tools.packetOverhead);
    this.#profile = profile;
    this.#tools = tools;
    this.#notify = options.notify;
    this.#cards = options.cards;
    this.#awareness = options.awareness;
    this.#since = options.now;
    this.#tell(this.#ownClaim());
  }

  /** Members alive or suspect, with this node. */
  get alive(): number {
    return this.table.living + (this.leaving ? 0 : 1);
  }

  /** This node's state and card changed; tells everybody. */
  renew(card: C, incarnation: number): void {
    if (incarnation === MAX_INCARNATION && this.incarnation < incarnation)
      this.#notify({ kind: 'spent', node: this.self });
    this.card = card;
    this.incarnation = incarnation;
    this.#tell(this.#ownClaim());
  }

  leave(now: number): void {
    this.leaving = true;
    this.#since = now;
    this.#tell(this.#ownClaim());
  }

  /** @param teller who is held to be the accuser where the update does not say it */
  apply(update: Update<C>, teller: NodeId, now: number): void {
    const { kind, node, incarnation } = update;
    if (!validIncarnation(incarnation)) this.counts.invalidUpdates++;
    // What a node says of itself it has signed; what others say of it has to be possible.
    else if (kind !== 'alive' && !this.#isPossible(node, incarnation, 0)) this.counts.impossibleIncarnations++;
    else this.#apply(update, teller, now);
  }

  #apply(update: Update<C>, teller: NodeId, now: number): void {
    switch (update.kind) {
      case 'alive':
        if (this.#acceptable(update.node, update.card)) this.#alive(update, true, now);
        break;
      case 'suspect':
        this.#suspect(update, now);
        break;
      case 'dead':
        this.#gone(update, DEAD, update.from, now);
        break;
      case 'left':
        this.#gone(update, LEFT, teller, now);
        break;
    }
  }

  /**
   * What another member holds of a node, from an exchange of full states. Its dead ones are only suspected here, so that
   * they can object; but a node never heard of is remembered as dead, with its age.
   * @param quietly an arrival is told to nobody
   */
  merge(record: MemberRecord<C>, quietly: boolean, now: number): void {
    const { node, state, incarnation, card } = record;
    if (!validIncarnation(incarnation)) {
      this.counts.invalidUpdates++;
      return;
    }
    const gone = state === DEAD || state === LEFT;
    if (!this.#acceptable(node, card, gone && node !== this.self)) return;
    const said = this.#tools.incarnationOf(card);
    if (!this.#isPossible(node, incarnation, said)) {
      this.counts.impossibleIncarnations++;
      return;
    }
    const slot = this.table.slotOf(node);
    if (gone && node !== this.self && (slot < 0 || this.table.state(slot) >= DEAD)) {
      this.#remember(record, state, slot, now);
      return;
    }
    // A card newer than ours is worth having, whatever became of its node. How new it is its node has signed: that it is
    // accused in a later incarnation makes no old card new.
    const newer = node !== this.self && (slot < 0 || this.#isNewer(slot, card));
    if (state === ALIVE || newer) this.#alive({ kind: 'alive', node, incarnation: said, card }, !quietly, now);
    if (state === LEFT) this.#apply({ kind: 'left', node, incarnation }, this.self, now);
    // Hearsay begins a suspicion; it does not confirm one, as a probe of our own would.
    else if (state !== ALIVE && !this.#suspects(node, incarnation)) {
      this.#apply({ kind: 'suspect', node, incarnation, from: this.self }, this.self, now);
    }
  }

  /** This node's own claim about a member, as others need it to refute or confirm; the member is no longer just alive. */
  claim(slot: number): Update<C> | undefined {
    const node = this.table.nodes[slot];
    const incarnation = this.table.incarnations[slot];
    switch (this.table.state(slot)) {
      case ALIVE:
        return undefined;
      case SUSPECT:
        return { kind: 'suspect', node, incarnation, from: this.self };
      case DEAD:
        return { kind: 'dead', node, incarnation, from: this.self };
      case LEFT:
        return { kind: 'left', node, incarnation };
    }
  }

  /** Suspicions that nobody refuted in time. */
  expire(now: number): void {
    for (let node = this.suspicions.expired(now); node !== undefined; node = this.suspicions.expired(now)) {
      const incarnation = this.table.incarnations[this.table.slotOf(node)];
      this.#apply({ kind: 'dead', node, incarnation, from: this.self }, this.self, now);
    }
  }

  /** Members that have been dead or left for long. */
  forget(now: number): void {
    const { forgetAfter } = this.#profile;
    let earliest = Number.POSITIVE_INFINITY;
    for (let slot = this.table.size - 1; slot >= 0; slot--) {
      if (this.table.state(slot) < DEAD) continue;
      const at = this.table.since[slot] + forgetAfter;
      if (at <= now) this.#drop(slot);
      else earliest = Math.min(earliest, at);
    }
    this.sweepAt = Math.max(earliest, now + forgetAfter / SWEEPS);
    if (earliest === Number.POSITIVE_INFINITY) this.sweepAt = earliest;
  }

  view(slot: number): MemberView<C> {
    const { nodes, incarnations, since, rttMs } = this.table;
    return {
      node: nodes[slot],
      state: this.table.state(slot),
      incarnation: incarnations[slot],
      card: this.#cardAt(slot),
      since: since[slot],
      rttMs: Number.isNaN(rttMs[slot]) ? undefined : rttMs[slot],
    };
  }

  selfView(): MemberView<C> {
    const { self: node, incarnation, card } = this;
    return { node, state: this.leaving ? LEFT : ALIVE, incarnation, card, since: this.#since, rttMs: undefined };
  }

  // What the claims do.

  #alive(update: Update<C> & { kind: 'alive' }, tell: boolean, now: number): void {
    const { node, incarnation, card } = update;
    if (node === this.self) {
      // Our own words of an earlier life have to be outdone, like an accusation.
      if (incarnation > this.incarnation) this.#refute(incarnation, this.self);
      else this.counts.staleUpdates++;
      return;
    }
    const slot = this.table.slotOf(node);
    if (slot < 0) {
      if (!this.#add(node, ALIVE, incarnation, card, now)) return;
      this.#notify({ kind: 'joined', node, card });
    } else if (incarnation > this.table.incarnations[slot]) {
      this.#revive(slot, incarnation, card, now);
    } else {
      if (!this.#learn(slot, card)) this.counts.staleUpdates++;
      return;
    }
    if (tell) this.#tell(update);
  }

  #revive(slot: number, incarnation: number, card: C, now: number): void {
    const node = this.table.nodes[slot];
    const state = this.table.state(slot);
    const before = this.#cardAt(slot);
    this.table.incarnations[slot] = incarnation;
    this.#setCard(slot, card);
    if (state !== ALIVE) this.table.setState(slot, ALIVE, now);
    if (state === SUSPECT) {
      this.suspicions.end(node);
      this.#notify({ kind: 'recovered', node });
    }
    if (state >= DEAD) {
      this.revived++;
      this.#notify({ kind: 'joined', node, card });
    } else if (card !== before) this.#notify({ kind: 'updated', node, card, before });
  }

  /**
   * Takes a card that is newer than the one known, though what its node is accused of stands: the accusation was of a later
   * incarnation, and came first. @returns whether it is newer
   */
  #learn(slot: number, card: C): boolean {
    if (!this.#isNewer(slot, card)) return false;
    const node = this.table.nodes[slot];
    const state = this.table.state(slot);
    const before = this.#cardAt(slot);
    this.#setCard(slot, card);
    if (state === DEAD || state === LEFT) this.#notify({ kind: 'remembered', node, card, state });
    else this.#notify({ kind: 'updated', node, card, before });
    return true;
  }

  #suspect(update: Update<C> & { kind: 'suspect' }, now: number): void {
    const { node, incarnation, from } = update;
    const slot = this.#accused(update, from);
    if (slot < 0) return;
    const known = this.table.incarnations[slot];
    const state = this.table.state(slot);
    if (state >= DEAD || incarnation < known) {
      this.counts.staleUpdates++;
      return;
    }
    if (state === SUSPECT && incarnation === known) {
      if (this.suspicions.confirm(node, from, now)) this.#tell(update);
      else this.counts.staleUpdates++;
      return;
    }
    this.table.incarnations[slot] = incarnation;
    this.suspicions.begin(node, from, this.alive, now);
    if (state === ALIVE) {
      this.table.setState(slot, SUSPECT, now);
      this.#notify({ kind: 'suspected', node });
    }
    this.#tell(update);
  }

  #gone(update: Update<C> & { kind: 'dead' | 'left' }, state: typeof DEAD | typeof LEFT, from: NodeId, now: number) {
    const { incarnation } = update;
    const slot = this.#accused(update, from);
    if (slot < 0) return;
    const known = this.table.incarnations[slot];
    const before = this.table.state(slot);
    if (incarnation < known || (incarnation === known && before >= state)) {
      this.counts.staleUpdates++;
      return;
    }
    this.table.incarnations[slot] = incarnation;
    // Who has left does not die afterwards.
    if (before < state) this.#depart(slot, state, now);
    this.#tell(update);
  }

  #depart(slot: number, state: typeof DEAD | typeof LEFT, now: number): void {
    const node = this.table.nodes[slot];
    this.suspicions.end(node);
    this.table.setState(slot, state, now);
    if (state === DEAD) this.lastDeath = now;
    this.sweepAt = Math.min(this.sweepAt, now + this.#profile.forgetAfter);
    this.#notify(state === DEAD ? { kind: 'failed', node } : { kind: 'left', node });
  }

  /** Whether it accuses this node of what it has answered already: who tells it has not heard. */
  wasRefuted({ kind, node, incarnation }: Update<C>): boolean {
    return node === this.self && kind !== 'alive' && incarnation < this.incarnation && !this.leaving;
  }

  /** The slot of who is accused; -1 if there is none to be changed. This node objects. */
  #accused({ node, incarnation }: Update<C>, from: NodeId): number {
    if (node === this.self) {
      if (incarnation >= this.incarnation) this.#refute(incarnation, from);
      else this.counts.staleUpdates++;
      return -1;
    }
    const slot = this.table.slotOf(node);
    if (slot < 0) this.counts.unknownNodes++;
    return slot;
  }

  /** Lifeguard §IV-A: who has to refute may be slow itself. */
  #refute(accused: number, from: NodeId): void {
    if (this.leaving || Math.max(this.incarnation, accused) >= MAX_INCARNATION) return;
    const incarnation = Math.max(this.incarnation, accused) + 1;
    this.renew(this.#tools.renew(incarnation), incarnation);
    this.#awareness.change(1);
    this.#notify({ kind: 'refuted', incarnation, from });
  }

  /** A record of somebody dead or left whom we do not know, or hold for dead or left as well. */
  #remember(record: MemberRecord<C>, state: typeof DEAD | typeof LEFT, slot: number, now: number): void {
    const { node, incarnation, card } = record;
    const { forgetAfter } = this.#profile;
    const ageMs = Math.max(0, record.ageMs);
    if (slot < 0) {
      // What is about to be forgotten is not learnt again: it would go round for ever.
      if (!(ageMs < forgetAfter - forgetAfter / SWEEPS)) return;
      if (!this.#add(node, state, incarnation, card, now - ageMs)) return;
      this.sweepAt = Math.min(this.sweepAt, now - ageMs + forgetAfter);
      this.#notify({ kind: 'remembered', node, card, state });
      return;
    }
    this.#learn(slot, card);
    if (state === DEAD) this.#apply({ kind: 'dead', node, incarnation, from: this.self }, this.self, now);
    else this.#apply({ kind: 'left', node, incarnation }, this.self, now);
  }

  // Records and cards.

  #suspects(node: NodeId, incarnation: number): boolean {
    const slot = this.table.slotOf(node);
    return slot >= 0 && this.table.state(slot) === SUSPECT && this.table.incarnations[slot] >= incarnation;
  }

  /** @param quietly who is gone claims nothing any more: what was its own may be another's by now */
  #acceptable(node: NodeId, card: C, quietly = false): boolean {
    const own = node === this.self;
    const slot = this.table.slotOf(node);
    const known = own ? this.card : slot < 0 ? undefined : this.#cardAt(slot);
    if (card === known) return true;
    const state = own ? ALIVE : slot < 0 ? undefined : this.table.state(slot);
    if (this.#tools.judge(node, card, known, state) === 'accept') return true;
    if (quietly) return false;
    this.counts.conflicts++;
    this.#notify({ kind: 'conflict', node, card });
    return false;
  }

  #add(node: NodeId, state: MemberState, incarnation: number, card: C, since: number): boolean {
    if (this.table.size + 1 >= this.#profile.maxMembers) {
      this.counts.refusedMembers++;
      return false;
    }
    this.table.add(node, state, incarnation, this.#cards.retain(card), since, this.#tools.random);
    return true;
  }

  #drop(slot: number): void {
    const node = this.table.nodes[slot];
    const card = this.table.cards[slot];
    this.table.remove(slot);
    this.#notify({ kind: 'forgotten', node, card: this.#cards.get(card) });
    this.#cards.release(card);
  }

  #cardAt(slot: number): C {
    return this.#cards.get(this.table.cards[slot]);
  }

  /**
   * Whether a node can have come to that incarnation. What it was known to have reached is believed at any time, whatever the
   * clock says now. @param said an incarnation that it has signed; 0: none is at hand
   */
  #isPossible(node: NodeId, incarnation: number, said: number): boolean {
    const slot = this.table.slotOf(node);
    const known = node === this.self ? this.incarnation : slot < 0 ? 0 : this.table.incarnations[slot];
    return (
      incarnation <= Math.max(known, said) || incarnation <= (this.#tools.latestIncarnation?.() ?? MAX_INCARNATION)
    );
  }

  #isNewer(slot: number, card: C): boolean {
    return this.#tools.incarnationOf(card) > this.#tools.incarnationOf(this.#cardAt(slot));
  }

  #setCard(slot: number, card: C): void {
    const before = this.table.cards[slot];
    this.table.cards[slot] = this.#cards.retain(card);
    this.#cards.release(before);
  }

  #ownClaim(): Update<C> {
    const { self: node, incarnation, card } = this;
    return this.leaving ? { kind: 'left', node, incarnation } : { kind: 'alive', node, incarnation, card };
  }

  #tell(update: Update<C>): void {
    if (!this.broadcasts.put(update)) this.counts.oversizedUpdates++;
  }
}

function validIncarnation(incarnation: number): boolean {
  return Number.isInteger(incarnation) && incarnation >= 0 && incarnation <= MAX_INCARNATION;
}
