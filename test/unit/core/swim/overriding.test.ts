import fc from 'fast-check';
import t from 'tap';
import { ALIVE, DEAD, LEFT, type MemberState, SUSPECT } from '../../../../src/core/swim/types.js';
import { alive, dead, left, suspect, TestMachine } from './machine.js';
import { card } from './network.js';

const KINDS = ['alive', 'suspect', 'dead', 'left'] as const;
type Kind = (typeof KINDS)[number];

/** SWIM §4.2 as a table: whether a claim of incarnation i overrides what is held at j. */
const OVERRIDES: Record<Kind, Record<MemberState, (i: number, j: number) => boolean>> = {
  alive: { [ALIVE]: above, [SUSPECT]: above, [DEAD]: above, [LEFT]: above },
  suspect: { [ALIVE]: atLeast, [SUSPECT]: above, [DEAD]: never, [LEFT]: never },
  dead: { [ALIVE]: atLeast, [SUSPECT]: atLeast, [DEAD]: above, [LEFT]: above },
  left: { [ALIVE]: atLeast, [SUSPECT]: atLeast, [DEAD]: atLeast, [LEFT]: above },
};
const STATES: Record<Kind, MemberState> = { alive: ALIVE, suspect: SUSPECT, dead: DEAD, left: LEFT };

function above(i: number, j: number): boolean {
  return i > j;
}
function atLeast(i: number, j: number): boolean {
  return i >= j;
}
function never(): boolean {
  return false;
}

interface Held {
  state: MemberState;
  incarnation: number;
}

const claim = fc.record({
  kind: fc.constantFrom(...KINDS),
  node: fc.integer({ min: 1, max: 3 }),
  incarnation: fc.integer({ min: 0, max: 4 }),
  from: fc.integer({ min: 0, max: 5 }),
});

t.test('claims in any order lead to what the table says', async () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 40 }), (claims) => {
      const machine = new TestMachine(0);
      const naive = new Map<number, Held>();
      for (const { kind, node, incarnation, from } of claims) {
        machine.hear(4, update(kind, node, incarnation, from));
        const held = naive.get(node);
        if (held === undefined) {
          if (kind === 'alive') naive.set(node, { state: ALIVE, incarnation });
        } else if (OVERRIDES[kind][held.state](incarnation, held.incarnation)) {
          // Who has left does not die, but the claim's incarnation counts.
          held.state = kind === 'dead' && held.state === LEFT ? LEFT : STATES[kind];
          held.incarnation = incarnation;
        }
        for (const node of [1, 2, 3]) {
          const member = machine.swim.member(node);
          const held = naive.get(node);
          if (member?.state !== held?.state || member?.incarnation !== held?.incarnation) return false;
        }
      }
      return machine.cards.size === naive.size;
    }),
  );
});

t.test('events tell the states: whoever replays them has the members', async () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 40 }), (claims) => {
      const machine = new TestMachine(0);
      for (const { kind, node, incarnation, from } of claims) machine.hear(4, update(kind, node, incarnation, from));
      const replayed = new Map<number, MemberState>();
      for (const event of machine.events) {
        if (event.kind === 'joined' || event.kind === 'recovered') replayed.set(event.node, ALIVE);
        if (event.kind === 'suspected') replayed.set(event.node, SUSPECT);
        if (event.kind === 'failed') replayed.set(event.node, DEAD);
        if (event.kind === 'left') replayed.set(event.node, LEFT);
      }
      return [1, 2, 3].every((node) => machine.swim.member(node)?.state === replayed.get(node));
    }),
  );
});

t.test(
  'states in any order, from exchanges, never kill whom nobody here suspected; the newest card stays',
  async () => {
    const record = fc.record({
      node: fc.integer({ min: 1, max: 3 }),
      state: fc.constantFrom(ALIVE, SUSPECT, DEAD, LEFT),
      incarnation: fc.integer({ min: 0, max: 4 }),
      ageMs: fc.integer({ min: 0, max: 10_000 }),
      behind: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (records) => {
        const machine = new TestMachine(0);
        for (const { behind, ...record } of records) {
          const before = machine.swim.member(record.node);
          // Who is alive is so in the incarnation that it signed; others may be accused in a later one.
          const said = record.state === ALIVE ? record.incarnation : record.incarnation - behind;
          machine.swim.mergeState([{ ...record, card: card(`owner ${record.node}`, '', said) }], 0);
          const after = machine.swim.member(record.node);
          if (after === undefined || after.incarnation < (before?.incarnation ?? 0)) return false;
          if (after.state === DEAD && before !== undefined && before.state < DEAD) return false;
          if (after.card.incarnation !== Math.max(said, before?.card.incarnation ?? said)) return false;
        }
        return true;
      }),
    );
  },
);

function update(kind: Kind, node: number, incarnation: number, from: number) {
  switch (kind) {
    case 'alive':
      return alive(node, incarnation);
    case 'suspect':
      return suspect(node, incarnation, from);
    case 'dead':
      return dead(node, incarnation, from);
    case 'left':
      return left(node, incarnation);
  }
}
