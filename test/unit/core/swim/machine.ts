/** One machine alone with the test: what goes in is written by hand, what comes out is recorded. */
import { seededRandom } from '../../../../src/core/random.js';
import { CardStore } from '../../../../src/core/swim/card-store.js';
import { LAN, type SwimProfile } from '../../../../src/core/swim/profile.js';
import { Swim } from '../../../../src/core/swim/swim.js';
import type { MemberState, NodeId, Packet, Probe, SwimEvent, Update } from '../../../../src/core/swim/types.js';
import { card, PACKET_OVERHEAD, type TestCard } from './network.js';

export interface Sent {
  readonly at: number;
  readonly to: NodeId;
  readonly packet: Packet<TestCard>;
  readonly via: unknown;
}

/** Node 0, with members 1 to `members` alive in incarnation 1. The clock begins at 0. */
export class TestMachine {
  now = 0;
  /** What nodes can have come to; undefined: any incarnation. */
  latest: number | undefined;
  readonly sent: Sent[] = [];
  readonly synced: NodeId[] = [];
  readonly streamPings: { readonly to: NodeId; readonly seq: number }[] = [];
  readonly events: SwimEvent<TestCard>[] = [];
  readonly cards = new CardStore<TestCard>();
  readonly swim: Swim<TestCard>;

  constructor(members: number, profile: SwimProfile = LAN, seed = 1) {
    this.swim = new Swim<TestCard>({
      self: 0,
      card: card('owner 0'),
      incarnation: 1,
      profile,
      tools: {
        random: seededRandom(seed),
        sizeOf: (update) => (update.kind === 'alive' ? 20 + update.card.size : 20),
        packetOverhead: PACKET_OVERHEAD,
        latestIncarnation: () => this.latest ?? Number.POSITIVE_INFINITY,
        incarnationOf: ({ incarnation }) => incarnation,
        renew: (incarnation) => card('owner 0', `renewed ${incarnation}`, incarnation),
        judge: (_node, card, known) => (known === undefined || known.owner === card.owner ? 'accept' : 'conflict'),
      },
      outputs: {
        send: (to, packet, via) => this.sent.push({ at: this.now, to, packet, via }),
        sync: (to) => this.synced.push(to),
        streamPing: (to, seq) => this.streamPings.push({ to, seq }),
        notify: (event) => this.events.push(event),
      },
      cards: this.cards,
      now: 0,
    });
    for (let node = 1; node <= members; node++) this.hear(node, alive(node));
    this.forgetOutput();
  }

  hear(from: NodeId, ...updates: Update<TestCard>[]): void {
    this.swim.handlePacket({ from, updates }, this.now);
  }

  probe(from: NodeId, probe: Probe, via?: unknown): void {
    this.swim.handlePacket({ from, probe, updates: [] }, this.now, via);
  }

  /** Time passes, and the machine is woken as it wants to be. Pings of its own are answered if `answers` says so. */
  run(ms: number, answers: (to: NodeId) => boolean = () => false): void {
    const until = this.now + ms;
    while (this.swim.wakeAt() <= until) {
      this.now = Math.max(this.now, this.swim.wakeAt());
      const done = this.sent.length;
      this.swim.wake(this.now);
      for (const { to, packet } of this.sent.slice(done)) {
        if (packet.probe?.kind === 'ping' && answers(to)) this.probe(to, { kind: 'ack', seq: packet.probe.seq });
      }
    }
    this.now = until;
  }

  /** Until it has sent such a probe, which is returned. */
  runUntil(kind: Probe['kind']): Sent & { readonly probe: Probe & { readonly seq: number } } {
    for (let wakes = 0; wakes < 1000; wakes++) {
      const done = this.sent.length;
      this.now = Math.max(this.now, this.swim.wakeAt());
      this.swim.wake(this.now);
      for (const sent of this.sent.slice(done)) {
        if (sent.packet.probe?.kind === kind) return { ...sent, probe: sent.packet.probe };
      }
    }
    throw new Error(`no ${kind}`);
  }

  forgetOutput(): void {
    this.sent.length = 0;
    this.events.length = 0;
    this.synced.length = 0;
    this.streamPings.length = 0;
  }
}

export const alive = (node: NodeId, incarnation = 1, text = ''): Update<TestCard> => ({
  kind: 'alive',
  node,
  incarnation,
  card: card(`owner ${node}`, text, incarnation),
});
export const suspect = (node: NodeId, incarnation: number, from: NodeId): Update<TestCard> => ({
  kind: 'suspect',
  node,
  incarnation,
  from,
});
export const dead = (node: NodeId, incarnation: number, from: NodeId): Update<TestCard> => ({
  kind: 'dead',
  node,
  incarnation,
  from,
});
export const left = (node: NodeId, incarnation: number): Update<TestCard> => ({ kind: 'left', node, incarnation });

/** A member's record as another node pushes it. */
export const record = (node: NodeId, state: MemberState, incarnation: number, ageMs = 0, owner = `owner ${node}`) => ({
  node,
  state,
  incarnation,
  card: card(owner, '', incarnation),
  ageMs,
});

/** What it has told, by kind. */
export const kinds = (machine: TestMachine) => machine.events.map(({ kind }) => kind);

/** Who answers. */
export const everybody = () => true;
