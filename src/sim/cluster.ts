/**
 * Thousands of nodes in one process: the shipped protocol (src/core/swim) on a simulated network, in virtual time. What
 * the real driver does around it (src/control/membership) is done here: exchanges of states, pings over streams, and the
 * attempts to reach again who was lost.
 */
import type { Random } from '../core/random.js';
import { CardStore } from '../core/swim/card-store.js';
import type { SwimProfile } from '../core/swim/profile.js';
import { Swim } from '../core/swim/swim.js';
import { ALIVE, type Card, type MemberRecord, type NodeId, SUSPECT, type SwimEvent } from '../core/swim/types.js';
import { EventHeap } from './event-heap.js';
import { type NetworkModel, SimNetwork } from './network.js';
import { CARD_BYTES, PACKET_RESERVE, TrafficMeter, updateBytes } from './traffic.js';

/** Between two attempts to reach again who was lost, ms, jittered by half; as membership.ts has it. */
const REJOIN_PAUSE = 10_000;
/** Packets of a stream from its opening to its first message there, and back. */
const OPENING = 3;
const ANSWER = 1;
/** Between two attempts to be let in, ms. */
const ASK_PAUSE = 1_000;
/** Members that have been there for this long at the beginning are no news, ms. */
const LONG_THERE = 3_600_000;

/** What a simulated node says of itself. */
export interface SimCard extends Card {
  /** Which of the things that the node has said of itself: a refutation says the same again. */
  readonly version: number;
  readonly incarnation: number;
}

/** How large a cluster is, what network it runs on, and who hears of it. */
export interface SimOptions {
  /** Nodes that know each other at the beginning. */
  readonly nodes: number;
  /** How many may be added. */
  readonly room: number;
  readonly profile: SwimProfile;
  readonly network: NetworkModel;
  readonly random: Random;
  /** Everything that any node notices. */
  readonly onEvent: (at: NodeId, event: SwimEvent<SimCard>, now: number) => void;
}

/** The simulated nodes, by number from 0. Time passes in `runUntil` alone. */
export class SimCluster {
  readonly network: SimNetwork;
  readonly traffic = new TrafficMeter();
  readonly #options: SimOptions;
  readonly #events = new EventHeap();
  readonly #swims: (Swim<SimCard> | undefined)[] = [];
  /** Whom a node was told to join: it goes on asking while it does not see that one. */
  readonly #seeds = new Map<NodeId, NodeId>();
  readonly #lost: (Set<NodeId> | undefined)[] = [];
  readonly #store = new CardStore<SimCard>();
  /** Shared by all nodes: cards are told apart as objects. */
  readonly #cards: SimCard[] = [];
  /** By node, when it is to be woken; an event for another time is out of date. */
  readonly #wakes: Float64Array;
  #now = 0;
  #handled = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    this.network = new SimNetwork(options.network, options.random);
    this.#wakes = new Float64Array(options.nodes + options.room).fill(Number.POSITIVE_INFINITY);
    for (let node = 0; node < options.nodes; node++) this.#cards.push({ size: CARD_BYTES, version: 1, incarnation: 1 });
    const all = this.#cards.map(
      (card, node): MemberRecord<SimCard> => ({ node, state: ALIVE, incarnation: 1, card, ageMs: LONG_THERE }),
    );
    for (let node = 0; node < options.nodes; node++) {
      const swim = this.#make(node);
      swim.mergeState(all, 0);
      this.#planWake(node, swim);
    }
  }

  /** Virtual time, ms. */
  get now(): number {
    return this.#now;
  }

  /** Events that were handled so far. */
  get handled(): number {
    return this.#handled;
  }

  /** What a node says of itself now. */
  card(node: NodeId): SimCard {
    return this.#cards[node];
  }

  /** A node's protocol; undefined while it does not run. */
  swim(node: NodeId): Swim<SimCard> | undefined {
    return this.#swims[node];
  }

  /** Nodes that run. */
  running(): NodeId[] {
    return [...this.#swims.keys()].filter((node) => this.#swims[node] !== undefined);
  }

  /** Lets time pass. */
  runUntil(end: number): void {
    while (this.#events.nextAt <= end) {
      const event = this.#events.take();
      if (!event) break;
      this.#now = event.at;
      this.#handled++;
      event.run(event.at);
    }
    this.#now = end;
  }

  /** Does something at a moment of virtual time, ms. */
  at(time: number, act: () => void): void {
    this.#events.add(time, act);
  }

  /** A node that nobody knows joins by way of another. */
  join(through: NodeId): NodeId {
    const node = this.#cards.length;
    this.#cards.push({ size: CARD_BYTES, version: 1, incarnation: this.#firstIncarnation() });
    const swim = this.#make(node);
    this.#planWake(node, swim);
    this.#seeds.set(node, through);
    this.#ask(node, swim, through);
    return node;
  }

  /** It is gone, without a word. */
  kill(node: NodeId): void {
    this.#swims[node] = undefined;
  }

  /** It says something else of itself. */
  update(node: NodeId): void {
    const swim = this.#swims[node];
    if (!swim) return;
    const incarnation = swim.nextIncarnation();
    swim.update(this.#renew(node, incarnation, 1), incarnation, this.#now);
    this.#planWake(node, swim);
  }

  /** It says that it goes; its process ends a little later. */
  leave(node: NodeId): void {
    const swim = this.#swims[node];
    if (!swim) return;
    swim.leave(this.#now);
    this.#planWake(node, swim);
    this.#events.add(this.#now + 500, () => this.kill(node));
  }

  /** A node that was killed is back, and remembers nothing but whom to ask; it says something else of itself. */
  restart(node: NodeId, through: NodeId): void {
    this.#renew(node, this.#firstIncarnation(), 1);
    const swim = this.#make(node);
    this.#planWake(node, swim);
    this.#seeds.set(node, through);
    this.#ask(node, swim, through);
  }

  /** Asks to be let in, again and again until somebody answers. */
  #ask(node: NodeId, swim: Swim<SimCard>, through: NodeId): void {
    this.#sync(node, through);
    this.#events.add(this.#now + ASK_PAUSE, () => {
      if (this.#swims[node] !== swim || swim.size > 1) return;
      const others = this.running().filter((other) => other !== node);
      this.#ask(node, swim, others[Math.floor(this.#options.random() * others.length)] ?? through);
    });
  }

  /** By the clock, as the driver has it: above those of an earlier life. */
  #firstIncarnation(): number {
    return 1 + Math.floor(this.#now / 1000);
  }

  /** @param news 0: the node says the same again */
  #renew(node: NodeId, incarnation: number, news: 0 | 1): SimCard {
    const card = { size: CARD_BYTES, version: this.#cards[node].version + news, incarnation };
    this.#cards[node] = card;
    return card;
  }

  #make(node: NodeId): Swim<SimCard> {
    const { profile, random, onEvent, nodes, room } = this.#options;
    const swim = new Swim<SimCard>({
      self: node,
      card: this.#cards[node],
      incarnation: this.#cards[node].incarnation,
      profile,
      cards: this.#store,
      now: this.#now,
      capacity: nodes + room,
      tools: {
        random,
        sizeOf: updateBytes,
        packetOverhead: PACKET_RESERVE,
        incarnationOf: ({ incarnation }) => incarnation,
        renew: (incarnation) => this.#renew(node, incarnation, 0),
        judge: () => 'accept',
      },
      outputs: {
        send: (to, packet) => {
          this.traffic.packet(packet);
          for (const at of this.network.arrivals(node, to, this.#now)) {
            this.#reach(to, at, (other, now) => other.handlePacket(packet, now));
          }
        },
        sync: (to) => this.#sync(node, to),
        streamPing: (to, seq) => this.#streamPing(node, to, seq),
        notify: (event) => {
          this.#noteLost(node, event);
          onEvent(node, event, this.#now);
        },
      },
    });
    this.#swims[node] = swim;
    this.#lost[node] = undefined;
    this.#planRejoin(node, swim);
    return swim;
  }

  /** Something comes to a node: it is dealt with when the node gets to it, if it runs then. */
  #reach(node: NodeId, at: number, act: (swim: Swim<SimCard>, now: number) => void): void {
    this.#events.add(at, (now) => {
      const worked = this.network.workedAt(node, now);
      if (worked > now) {
        this.#reach(node, worked, act);
        return;
      }
      const swim = this.#swims[node];
      if (!swim) return;
      act(swim, now);
      this.#planWake(node, swim);
    });
  }

  #planWake(node: NodeId, swim: Swim<SimCard>): void {
    const at = swim.wakeAt();
    if (at === this.#wakes[node]) return;
    this.#wakes[node] = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#events.add(at, (now) => this.#wake(node, now));
  }

  #wake(node: NodeId, at: number): void {
    if (this.#wakes[node] !== at) return;
    const swim = this.#swims[node];
    this.#wakes[node] = Number.POSITIVE_INFINITY;
    if (!swim) return;
    const worked = this.network.wokenAt(node, at);
    if (worked > at) {
      this.#wakes[node] = worked;
      this.#events.add(worked, (now) => this.#wake(node, now));
      return;
    }
    swim.wake(at);
    this.#planWake(node, swim);
  }

  /** Both ways: the one that is asked merges before it answers. */
  #sync(from: NodeId, to: NodeId): void {
    if (!this.network.reaches(from, to)) return;
    this.#reach(to, this.#now + this.network.streamLatency(OPENING), (asked, now) => {
      const asker = this.#swims[from];
      if (!asker) return;
      this.traffic.state(asker.size);
      asked.mergeState(asker.pushState(now), now);
      const answer = [...asked.pushState(now)];
      this.traffic.state(answer.length);
      this.#reach(from, now + this.network.streamLatency(ANSWER), (swim, then) => swim.mergeState(answer, then));
    });
  }

  #streamPing(from: NodeId, to: NodeId, seq: number): void {
    if (!this.network.reaches(from, to)) return;
    this.#reach(to, this.#now + this.network.streamLatency(OPENING), (_, now) => {
      this.#reach(from, now + this.network.streamLatency(ANSWER), (swim, then) => swim.handleStreamAck(seq, then));
    });
  }

  /** One that is gone for good is replaced, as an operator would. */
  #seedOf(node: NodeId): NodeId | undefined {
    const seed = this.#seeds.get(node);
    if (seed === undefined || this.#swims[seed]) return seed;
    const others = this.running().filter((other) => other !== node);
    const next = others[Math.floor(this.#options.random() * others.length)];
    if (next !== undefined) this.#seeds.set(node, next);
    return next;
  }

  #sees(swim: Swim<SimCard>, node: NodeId): boolean {
    const state = swim.member(node)?.state;
    return state === ALIVE || state === SUSPECT;
  }

  /** Whom a node has given up: it goes on trying to reach them. */
  #noteLost(node: NodeId, event: SwimEvent<SimCard>): void {
    if (event.kind === 'failed') {
      this.#lost[node] ??= new Set();
      this.#lost[node].add(event.node);
    } else if (event.kind === 'joined' || event.kind === 'forgotten' || event.kind === 'left') {
      this.#lost[node]?.delete(event.node);
    }
  }

  #planRejoin(node: NodeId, swim: Swim<SimCard>): void {
    const { random } = this.#options;
    this.#events.add(this.#now + REJOIN_PAUSE * (0.5 + random()), () => {
      if (this.#swims[node] !== swim) return;
      const seed = this.#seedOf(node);
      const lost = [...(this.#lost[node] ?? []), ...(seed === undefined || this.#sees(swim, seed) ? [] : [seed])];
      const one = lost[Math.floor(random() * lost.length)];
      if (one !== undefined) this.#sync(node, one);
      this.#planRejoin(node, swim);
    });
  }
}
