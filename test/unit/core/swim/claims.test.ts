/** What is taken of what others claim: exchanged states, cards, incarnations, and for how long it is remembered. */
import t from 'tap';
import { LAN } from '../../../../src/core/swim/profile.js';
import { ALIVE, DEAD, LEFT, type MemberState, SUSPECT } from '../../../../src/core/swim/types.js';
import { alive, dead, everybody, kinds, left, record, suspect, TestMachine } from './machine.js';
import { card } from './network.js';

t.test('exchanged states: news of any state is taken, the dead are asked first', async (t) => {
  const machine = new TestMachine(2);
  machine.swim.mergeState(
    [record(1, DEAD, 1), record(2, LEFT, 1), record(3, ALIVE, 5), record(4, SUSPECT, 2), record(5, DEAD, 3, 600_000)],
    1000,
  );
  t.same(
    machine.events.map((event) => [event.kind, 'node' in event && event.node]),
    [
      ['suspected', 1],
      ['left', 2],
      ['joined', 3],
      ['joined', 4],
      ['suspected', 4],
      ['remembered', 5],
    ],
  );
  t.equal(machine.swim.member(5)?.since, -599_000);
  t.equal(machine.swim.alive, 4);
  t.equal(machine.swim.size, 6);
  machine.hear(1, alive(5, 3));
  t.equal(machine.swim.member(5)?.state, DEAD, 'the same incarnation does not rise');
  machine.hear(1, alive(5, 4));
  t.equal(machine.swim.member(5)?.state, ALIVE);
});

t.test('an accusation of a later incarnation makes no old card new', async (t) => {
  for (const state of [SUSPECT, LEFT] as const) {
    const machine = new TestMachine(2);
    machine.hear(1, alive(1, 5, 'new'));
    machine.forgetOutput();
    machine.swim.mergeState([{ node: 1, state, incarnation: 6, card: card('owner 1', 'old', 4), ageMs: 0 }], 0);
    t.match(machine.swim.member(1), { state, incarnation: 6, card: { text: 'new' } });
    t.same(kinds(machine), [state === SUSPECT ? 'suspected' : 'left'], 'the accusation counts');
  }
  const machine = new TestMachine(2);
  machine.hear(2, alive(1, 5, 'new'), dead(1, 5, 2));
  machine.swim.mergeState([{ node: 1, state: DEAD, incarnation: 6, card: card('owner 1', 'old', 4), ageMs: 0 }], 0);
  t.match(machine.swim.member(1), { state: DEAD, incarnation: 6, card: { text: 'new' } }, 'nor among the dead');
});

t.test('a newer card is taken though an accusation of its incarnation was here before it', async (t) => {
  for (const [accusation, state, kind] of [
    [suspect(1, 5, 2), SUSPECT, 'updated'],
    [dead(1, 5, 2), DEAD, 'remembered'],
    [left(1, 5), LEFT, 'remembered'],
  ] as const) {
    const news = card('owner 1', 'new', 5);
    for (const tell of [
      (machine: TestMachine) => machine.hear(1, { kind: 'alive', node: 1, incarnation: 5, card: news }),
      (machine: TestMachine) => machine.swim.mergeState([{ node: 1, state, incarnation: 5, card: news, ageMs: 0 }], 0),
    ]) {
      const machine = new TestMachine(2);
      machine.hear(2, accusation);
      machine.forgetOutput();
      tell(machine);
      t.match(machine.swim.member(1), { state, incarnation: 5, card: news }, 'the accusation stands');
      t.same(kinds(machine), [kind]);
      tell(machine);
      t.same(kinds(machine), [kind], 'once');
      machine.hear(1, alive(1, 6, 'newest'));
      t.match(machine.swim.member(1), { state: ALIVE, card: { text: 'newest' } });
    }
  }
});

t.test('pushed and merged, a state is the same elsewhere', async (t) => {
  const a = new TestMachine(5);
  a.hear(1, left(2, 1), alive(3, 8, 'x'));
  const b = new TestMachine(0);
  // The same node number for both would be an echo: b is asked what it knows of the others.
  b.swim.mergeState([...a.swim.pushState(0)], 0);
  for (let node = 1; node <= 5; node++) {
    const { state, incarnation, card } = a.swim.member(node) ?? {};
    t.match(b.swim.member(node), { state, incarnation, card });
  }
});

t.test('when many come back from the dead, states are exchanged soon, once', async (t) => {
  const machine = new TestMachine(80);
  const back = Array.from({ length: 20 }, (_, i) => i + 1);
  machine.hear(80, ...back.map((node) => dead(node, 1, 80)));
  machine.run(125_000, everybody);
  machine.forgetOutput();
  machine.hear(80, ...back.slice(0, 5).map((node) => alive(node, 2)));
  machine.run(10_000, everybody);
  t.equal(machine.synced.length, 0, 'a few may come and go');
  machine.hear(80, ...back.slice(5).map((node) => alive(node, 2)));
  machine.run(10_000, everybody);
  t.equal(machine.synced.length, 1);
  machine.run(60_000, everybody);
  t.equal(machine.synced.length, 1);
});

t.test('who comes in alone does not tell the others what they have long known', async (t) => {
  const long = [1, 2, 3, 4].map((node) => record(node, ALIVE, 1, 3_600_000));
  const newcomer = new TestMachine(0);
  newcomer.swim.mergeState(long, 0);
  t.equal(newcomer.swim.pending, 1, 'only itself');
  const member = new TestMachine(1);
  const before = member.swim.pending;
  member.swim.mergeState(long, 0);
  t.equal(member.swim.pending, before + 3, 'two halves that meet');
  const first = new TestMachine(0);
  first.swim.mergeState([record(1, ALIVE, 1, 100)], 0);
  t.equal(first.swim.pending, 2, 'the young are news');
});

t.test('the dead and the left are remembered for an hour, then forgotten', async (t) => {
  const machine = new TestMachine(3);
  machine.hear(3, dead(1, 1, 3), left(2, 1));
  machine.swim.mergeState([record(9, DEAD, 1, 3_000_000), record(10, DEAD, 1, 3_599_000)], machine.now);
  t.equal(machine.swim.member(10), undefined, 'not worth remembering any more');
  machine.forgetOutput();
  machine.run(590_000, everybody);
  t.equal(machine.swim.member(9)?.state, DEAD);
  machine.run(80_000, everybody);
  t.equal(machine.swim.member(9), undefined);
  machine.run(2_900_000, everybody);
  t.equal(machine.swim.size, 4);
  machine.run(100_000, everybody);
  t.same(
    new Set(machine.events.map((e) => [e.kind, 'node' in e && e.node].join())),
    new Set(['forgotten,9', 'forgotten,1', 'forgotten,2']),
  );
  t.equal(machine.swim.size, 2);
  t.equal(machine.cards.size, 1, 'their cards are released');
});

t.test('no more members than may be', async (t) => {
  const machine = new TestMachine(0, { ...LAN, maxMembers: 3 });
  machine.hear(1, alive(1), alive(2), alive(3));
  machine.swim.mergeState([record(4, DEAD, 1), record(5, SUSPECT, 1)], 0);
  t.equal(machine.swim.size, 3);
  t.equal(machine.swim.counts.refusedMembers, 3);
});

t.test('claims that are not worth anything are counted', async (t) => {
  const machine = new TestMachine(1);
  machine.hear(
    1,
    alive(1),
    suspect(7, 1, 1),
    dead(8, 1, 1),
    left(9, 1),
    alive(2, 2 ** 32),
    alive(2, -1),
    alive(2, 0.5),
  );
  t.match(machine.swim.counts, { staleUpdates: 1, unknownNodes: 3, invalidUpdates: 3 });
  t.equal(machine.swim.size, 2);
  machine.hear(1, { kind: 'alive', node: 3, incarnation: 1, card: { ...card('x'), size: 2000 } });
  t.equal(machine.swim.counts.oversizedUpdates, 1);
});

t.test('an accusation of what its node cannot have come to is dropped, of this node and of others', async (t) => {
  const machine = new TestMachine(3);
  machine.latest = 100;
  machine.hear(2, ...[0, 1].flatMap((node) => [suspect(node, 101, 3), dead(node, 101, 3), left(node, 101)]));
  const accused = (node: number, state: MemberState, said: number) => ({
    ...record(node, state, 101),
    card: card(`owner ${node}`, 'said', said),
  });
  machine.swim.mergeState([accused(0, SUSPECT, 1), accused(1, DEAD, 1), accused(1, LEFT, 99), accused(9, DEAD, 9)], 0);
  t.equal(machine.swim.counts.impossibleIncarnations, 10);
  t.same(machine.events, []);
  t.same([machine.swim.incarnation, machine.swim.member(1)?.incarnation, machine.swim.member(9)], [1, 1, undefined]);

  machine.hear(2, suspect(0, 100, 3), suspect(1, 100, 3));
  t.equal(machine.swim.incarnation, 101, 'the last that is possible');
  machine.hear(2, suspect(0, 101, 3), suspect(0, 103, 3));
  t.equal(machine.swim.incarnation, 102, 'what this node has come to, and no farther');
});

t.test('what a node was known to have reached, or has signed, is possible whatever the clock says', async (t) => {
  const machine = new TestMachine(3);
  machine.hear(2, alive(1, 500), alive(3, 500), suspect(1, 500, 2));
  machine.latest = 100;
  machine.hear(2, suspect(3, 500, 2));
  t.match(
    [1, 3].map((node) => machine.swim.member(node)),
    [{ state: SUSPECT }, { state: SUSPECT }],
  );
  machine.run(60_000, (to) => to === 2);
  t.match(
    [1, 3].map((node) => machine.swim.member(node)),
    [{ state: DEAD }, { state: DEAD }],
    'and runs out',
  );
  machine.hear(1, alive(1, 501));
  t.equal(machine.swim.member(1)?.state, ALIVE);
  // It began with a clock that was set back, among others that remember it.
  machine.swim.mergeState([record(0, DEAD, 600), record(3, LEFT, 700)], machine.now);
  t.equal(machine.swim.incarnation, 601);
  t.equal(machine.swim.member(3)?.state, LEFT);
  t.equal(machine.swim.counts.impossibleIncarnations, 0);
});

t.test('after the last incarnation there is no other: that is told once, and nothing begins anew', async (t) => {
  const last = 2 ** 32 - 1;
  const machine = new TestMachine(2);
  machine.hear(1, suspect(0, last - 1, 1));
  t.same(machine.events, [
    { kind: 'spent', node: 0 },
    { kind: 'refuted', incarnation: last, from: 1 },
  ]);
  t.equal(machine.swim.nextIncarnation(), last);
  machine.swim.update(card('owner 0', 'more', last), machine.swim.nextIncarnation(), 0);
  machine.hear(1, suspect(0, last, 1));
  t.match(machine.swim.member(0), { incarnation: last, card: { text: 'more' }, state: ALIVE });
  t.equal(machine.events.length, 2);
});

t.test('an own new card needs a new incarnation', async (t) => {
  const machine = new TestMachine(1);
  const incarnation = machine.swim.nextIncarnation();
  machine.hear(1, suspect(0, 1, 1));
  t.throws(() => machine.swim.update(card('owner 0', 'b'), incarnation, 0), { code: 'INTERNAL' });
  machine.swim.update(card('owner 0', 'b'), machine.swim.nextIncarnation(), 0);
  t.equal(machine.swim.member(0)?.card.text, 'b');
  t.equal(machine.swim.incarnation, 3);
});
