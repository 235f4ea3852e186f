import fc from 'fast-check';
import t from 'tap';
import { LAN } from '../../../../src/core/swim/profile.js';
import {
  ALIVE,
  DEAD,
  LEFT,
  type MemberState,
  type Probe,
  SUSPECT,
  type Update,
} from '../../../../src/core/swim/types.js';
import { TestMachine } from './machine.js';
import { card, PACKET_OVERHEAD, type TestCard } from './network.js';

const node = fc.integer({ min: 0, max: 12 });
const incarnation = fc.oneof(fc.integer({ min: -1, max: 5 }), fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.NaN));
const owner = fc.constantFrom('right', 'right', 'right', 'wrong');
const named = (node: number, owner: string, incarnation: number) =>
  card(owner === 'right' ? `owner ${node}` : 'a thief', '', incarnation);

const update: fc.Arbitrary<Update<TestCard>> = fc
  .record({ kind: fc.constantFrom('alive', 'suspect', 'dead', 'left'), node, incarnation, from: node, owner })
  .map(({ kind, node, incarnation, from, owner }) => {
    if (kind === 'alive') return { kind, node, incarnation, card: named(node, owner, incarnation) };
    return kind === 'left' ? { kind, node, incarnation } : ({ kind, node, incarnation, from } as Update<TestCard>);
  });
const probe: fc.Arbitrary<Probe> = fc.record({
  kind: fc.constantFrom('ping', 'ping-request', 'ack', 'nack'),
  seq: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  target: node,
});
const state = fc.constantFrom<MemberState>(ALIVE, SUSPECT, DEAD, LEFT);
const ageMs = fc.oneof(fc.integer({ min: -10, max: 4_000_000 }), fc.constant(Number.NaN));
const record = fc
  .record({ node, state, incarnation, ageMs, owner, behind: fc.nat(2) })
  .map(({ owner, behind, ...record }) => ({ ...record, card: named(record.node, owner, record.incarnation - behind) }));

const step = fc.oneof(
  fc.record({ kind: fc.constant('packet'), from: node, updates: fc.array(update, { maxLength: 5 }), probe }),
  fc.record({ kind: fc.constant('merge'), records: fc.array(record, { maxLength: 8 }) }),
  fc.record({ kind: fc.constant('pass'), ms: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.nat(4_000_000)) }),
  fc.record({ kind: fc.constant('jump'), ms: fc.nat(100_000) }),
  fc.record({ kind: fc.constant('answer') }),
  fc.record({ kind: fc.constant('stream'), seq: fc.nat() }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

t.test('whatever comes in, the books are right, packets keep their size, and it can always be woken', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer(), fc.boolean(), (steps, seed, leaves) => {
      const machine = new TestMachine(3, { ...LAN, maxMembers: 10 }, seed);
      for (const [i, step] of steps.entries()) {
        feed(machine, step);
        if (leaves && i === 30) machine.swim.leave(machine.now);
        check(machine);
      }
    }),
    { numRuns: 300 },
  );
});

function feed(machine: TestMachine, step: Step): void {
  if ('updates' in step) machine.swim.handlePacket(step, machine.now);
  else if ('records' in step) machine.swim.mergeState(step.records, machine.now);
  else if ('seq' in step) machine.swim.handleStreamAck(step.seq, machine.now);
  else if (!('ms' in step)) answerLast(machine);
  else if (step.kind === 'jump') machine.now += step.ms;
  else
    for (const until = machine.now + step.ms; machine.now < until; ) machine.run(Math.min(5000, until - machine.now));
}

function answerLast(machine: TestMachine): void {
  const ping = machine.sent.findLast(({ packet }) => packet.probe?.kind === 'ping');
  if (ping?.packet.probe !== undefined) machine.probe(ping.to, { kind: 'ack', seq: ping.packet.probe.seq });
}

function check(machine: TestMachine): void {
  const { swim } = machine;
  const members = [...swim.members()];
  const insist = (right: boolean, what: string) => {
    if (!right) throw new Error(what);
  };
  insist(members.length === swim.size && swim.size <= 10, 'size');
  insist(members.filter(({ state }) => state <= SUSPECT).length === swim.alive, 'alive');
  insist(machine.cards.size === swim.size - 1, 'cards');
  insist(swim.awareness >= 0 && swim.awareness <= LAN.awarenessMax, 'awareness');
  insist(!Number.isNaN(swim.wakeAt()), 'wakeAt');
  for (const { packet } of machine.sent.slice(-50)) {
    const bytes = packet.updates.reduce((sum, u) => sum + (u.kind === 'alive' ? 60 : 20), PACKET_OVERHEAD);
    insist(bytes <= LAN.packetBytes && packet.from === 0, 'packet');
  }
  swim.wake(machine.now);
  insist(swim.wakeAt() > machine.now, 'woken for nothing');
}
