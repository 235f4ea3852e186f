import fc from 'fast-check';
import t from 'tap';
import { Broadcasts } from '../../../../src/core/swim/broadcasts.js';
import type { Update } from '../../../../src/core/swim/types.js';
import { card, type TestCard } from './network.js';

type News = Update<TestCard>;

const alive = (node: number, incarnation = 1): News => ({ kind: 'alive', node, incarnation, card: card('x') });
const sizes = (update: News) => 10 + update.node;

function taken(broadcasts: Broadcasts<TestCard>, room: number, limit = 3): number[] {
  const into: News[] = [];
  broadcasts.take(room, limit, into);
  return into.map(({ node }) => node);
}

t.test('the least sent goes first, and each goes so often', async (t) => {
  const broadcasts = new Broadcasts<TestCard>(() => 10, 1000);
  for (let node = 0; node < 4; node++) broadcasts.put(alive(node));
  t.same(taken(broadcasts, 25), [0, 1]);
  t.same(taken(broadcasts, 35), [2, 3, 0]);
  broadcasts.put(alive(9));
  t.same(taken(broadcasts, 1000), [9, 1, 2, 3, 0], 'the new one, those sent once, the one sent twice');
  t.equal(broadcasts.pending, 4, 'three times was enough for one');
  for (let i = 0; i < 2; i++) taken(broadcasts, 1000);
  t.equal(broadcasts.pending, 0);
  t.same(taken(broadcasts, 1000), []);
});

t.test('what is newer about a node replaces the older and begins again', async (t) => {
  const broadcasts = new Broadcasts<TestCard>(() => 10, 1000);
  broadcasts.put(alive(1));
  broadcasts.put(alive(2));
  taken(broadcasts, 1000);
  const newer: News = { kind: 'dead', node: 2, incarnation: 1, from: 1 };
  broadcasts.put(newer);
  const into: News[] = [];
  broadcasts.take(1000, 3, into);
  t.same(into, [newer, alive(1)]);
});

t.test('what is too large for the rest of a packet waits for the next; too large for any is refused', async (t) => {
  const broadcasts = new Broadcasts<TestCard>(sizes, 100);
  t.notOk(broadcasts.put(alive(91)));
  t.ok(broadcasts.put(alive(90)));
  t.ok(broadcasts.put(alive(5)));
  t.same(taken(broadcasts, 60), [5]);
  t.same(taken(broadcasts, 100), [90]);
});

t.test('no packet is overfilled, nothing is sent too often, and all of it is sent', async () => {
  const put = fc.record({ kind: fc.constant('put' as const), value: fc.integer({ min: 0, max: 60 }) });
  const take = fc.record({ kind: fc.constant('take' as const), value: fc.integer({ min: 0, max: 200 }) });
  fc.assert(
    fc.property(fc.array(fc.oneof(put, take), { maxLength: 80 }), (steps) => {
      const broadcasts = new Broadcasts<TestCard>(sizes, 100);
      const sent = new Map<number, number>();
      const send = (room: number) => {
        const nodes = taken(broadcasts, room);
        const before = nodes.map((node) => sent.get(node) ?? 0);
        for (const node of nodes) sent.set(node, (sent.get(node) ?? 0) + 1);
        const bytes = nodes.reduce((sum, node) => sum + 10 + node, 0);
        return bytes <= room && before.every((times, i) => times < 3 && (i === 0 || before[i - 1] <= times));
      };
      for (const { kind, value } of steps) {
        if (kind === 'put') {
          broadcasts.put(alive(value));
          sent.set(value, 0);
        } else if (!send(value)) return false;
      }
      while (broadcasts.pending > 0) if (!send(100)) return false;
      return [...sent.values()].every((times) => times === 3);
    }),
  );
});
