/** Machines of the protocol and a bad network between them, in virtual time: what a seed led to happens again. */
import { seededRandom } from '../../../../src/core/random.js';
import { CardStore } from '../../../../src/core/swim/card-store.js';
import { LAN, type SwimProfile } from '../../../../src/core/swim/profile.js';
import { Swim } from '../../../../src/core/swim/swim.js';
import type { Card, NodeId, Packet, SwimEvent, SwimOutputs } from '../../../../src/core/swim/types.js';

export interface TestCard extends Card {
  readonly owner: string;
  readonly text: string;
  readonly incarnation: number;
}

export const card = (owner: string, text = '', incarnation = 1): TestCard => ({ size: 40, owner, text, incarnation });

export interface Seen {
  readonly at: number;
  readonly by: NodeId;
  readonly event: SwimEvent<TestCard>;
}

interface Machine {
  swim: Swim<TestCard>;
  card: TestCard;
  up: boolean;
  /** It comes to what has reached it so much later, ms; it sends in time. */
  slowness: number;
  wakeAt: number;
}

interface Happening {
  readonly at: number;
  readonly what: () => void;
}

export const PACKET_OVERHEAD = 100;

export class TestNetwork {
  now = 1000;
  /** Datagrams that get lost, 0..1; streams do not. */
  loss = 0;
  minLatency = 1;
  maxLatency = 5;
  /** Whether anything passes; streams as well. */
  reachable: (from: NodeId, to: NodeId) => boolean = () => true;
  /** Whether datagrams pass. */
  datagrams: (from: NodeId, to: NodeId) => boolean = () => true;
  /** What the machines know of that from the start; undefined: nothing. */
  linked: ((one: NodeId, other: NodeId) => boolean) | undefined;
  readonly events: Seen[] = [];
  readonly packets: { readonly at: number; readonly to: NodeId; readonly packet: Packet<TestCard> }[] = [];
  readonly cards = new CardStore<TestCard>();
  readonly #random: () => number;
  readonly #profile: SwimProfile;
  readonly #machines = new Map<NodeId, Machine>();
  #happenings: Happening[] = [];

  constructor(seed: number, profile: SwimProfile = LAN) {
    this.#random = seededRandom(seed);
    this.#profile = profile;
  }

  /** A machine starts, or starts again and knows nothing. */
  start(node: NodeId, owner = `owner ${node}`, incarnation = 1): Swim<TestCard> {
    const machine: Partial<Machine> = { card: card(owner, '', incarnation), up: true, slowness: 0, wakeAt: Number.NaN };
    const outputs: SwimOutputs<TestCard> = {
      send: (to, packet) => this.#send(node, to, packet),
      sync: (to) => this.sync(node, to),
      streamPing: (to, seq) => this.#streamPing(node, to, seq),
      notify: (event) => this.events.push({ at: this.now, by: node, event }),
    };
    const swim = new Swim<TestCard>({
      self: node,
      card: card(owner, '', incarnation),
      incarnation,
      profile: this.#profile,
      tools: {
        random: this.#random,
        ...(this.linked && { linked: this.linked }),
        sizeOf: (update) => (update.kind === 'alive' ? 20 + update.card.size : 20),
        packetOverhead: PACKET_OVERHEAD,
        incarnationOf: ({ incarnation }) => incarnation,
        renew: (incarnation) => ({ ...this.machine(node).card, incarnation }),
        judge: (_node, card, known) => (known === undefined || known.owner === card.owner ? 'accept' : 'conflict'),
      },
      outputs,
      cards: this.cards,
      now: this.now,
    });
    this.#machines.set(node, { ...machine, swim } as Machine);
    this.#plan(node);
    return swim;
  }

  /** Machines 0 to n - 1, each joined through the first, and time to settle. */
  startAll(n: number): void {
    for (let node = 0; node < n; node++) {
      this.start(node);
      if (node > 0) this.sync(node, 0);
    }
    this.run(10_000);
  }

  machine(node: NodeId): Machine {
    const machine = this.#machines.get(node);
    if (machine === undefined) throw new Error(`no machine ${node}`);
    return machine;
  }

  swim(node: NodeId): Swim<TestCard> {
    return this.machine(node).swim;
  }

  kill(node: NodeId): void {
    this.machine(node).up = false;
  }

  /** Full states are exchanged, if both can. */
  sync(a: NodeId, b: NodeId): void {
    this.#later(this.#latency(), () => {
      if (!this.#passes(a, b) || !this.#passes(b, a)) return;
      const mine = [...this.swim(a).pushState(this.now)];
      this.#input(b, (swim) => {
        swim.mergeState(mine, this.now);
        const theirs = [...swim.pushState(this.now)];
        this.#input(a, (swim) => swim.mergeState(theirs, this.now));
      });
    });
  }

  /** Lets time pass, ms. */
  run(ms: number): void {
    const until = this.now + ms;
    for (let next = this.#happenings[0]; next !== undefined && next.at <= until; next = this.#happenings[0]) {
      this.#happenings.shift();
      this.now = Math.max(this.now, next.at);
      next.what();
    }
    this.now = until;
  }

  /** The machine does not run for so long; what was sent to it is lost. */
  suspend(node: NodeId, ms: number): void {
    const machine = this.machine(node);
    machine.up = false;
    this.#at(this.now + ms, () => {
      machine.up = true;
      machine.wakeAt = Number.NaN;
      this.#plan(node);
    });
  }

  /** By this node, in the order of time. */
  seenBy(node: NodeId): SwimEvent<TestCard>[] {
    return this.events.filter(({ by }) => by === node).map(({ event }) => event);
  }

  /** How many saw such an event of that node. */
  witnesses(kind: SwimEvent<TestCard>['kind'], node: NodeId): number {
    const all = this.events.filter(({ event }) => event.kind === kind && 'node' in event && event.node === node);
    return new Set(all.map(({ by }) => by)).size;
  }

  #send(from: NodeId, to: NodeId, packet: Packet<TestCard>): void {
    this.packets.push({ at: this.now, to, packet });
    if (this.#random() < this.loss || !this.datagrams(from, to)) return;
    this.#later(this.#latency(), () => {
      if (this.#passes(from, to)) this.#input(to, (swim) => swim.handlePacket(packet, this.now));
    });
  }

  #streamPing(from: NodeId, to: NodeId, seq: number): void {
    this.#later(2 * this.#latency(), () => {
      if (!this.#passes(from, to) || !this.#passes(to, from)) return;
      if (this.machine(to).slowness === 0) this.#input(from, (swim) => swim.handleStreamAck(seq, this.now));
    });
  }

  #passes(from: NodeId, to: NodeId): boolean {
    return this.#machines.get(from)?.up === true && this.#machines.get(to)?.up === true && this.reachable(from, to);
  }

  #input(node: NodeId, what: (swim: Swim<TestCard>) => void): void {
    const machine = this.machine(node);
    const act = () => {
      if (!machine.up || this.#machines.get(node) !== machine) return;
      what(machine.swim);
      this.#plan(node);
    };
    if (machine.slowness > 0) this.#later(machine.slowness, act);
    else act();
  }

  #plan(node: NodeId): void {
    const machine = this.machine(node);
    const at = machine.swim.wakeAt();
    if (at === machine.wakeAt) return;
    machine.wakeAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#at(Math.max(at, this.now), () => {
      if (!machine.up || this.#machines.get(node) !== machine || machine.wakeAt !== at) return;
      machine.wakeAt = Number.NaN;
      machine.swim.wake(this.now);
      if (machine.swim.wakeAt() <= this.now) throw new Error(`${node} is to be woken at once again`);
      this.#plan(node);
    });
  }

  #latency(): number {
    return this.minLatency + this.#random() * (this.maxLatency - this.minLatency);
  }

  #later(ms: number, what: () => void): void {
    this.#at(this.now + ms, what);
  }

  #at(at: number, what: () => void): void {
    const happening = { at, what };
    let low = 0;
    let high = this.#happenings.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#happenings[middle].at <= happening.at) low = middle + 1;
      else high = middle;
    }
    this.#happenings.splice(low, 0, happening);
  }
}
