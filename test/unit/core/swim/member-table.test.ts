import fc from 'fast-check';
import t from 'tap';
import { seededRandom } from '../../../../src/core/random.js';
import { CardStore } from '../../../../src/core/swim/card-store.js';
import { MemberTable } from '../../../../src/core/swim/member-table.js';
import { Circle, sample } from '../../../../src/core/swim/sample.js';
import { ALIVE, DEAD, LEFT, type MemberState, SUSPECT } from '../../../../src/core/swim/types.js';
import { card } from './network.js';

type Step =
  | { readonly kind: 'add' | 'remove' | 'next'; readonly node: number }
  | { readonly kind: 'state'; readonly node: number; readonly state: MemberState };

const node = fc.integer({ min: 0, max: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('add' as const, 'remove' as const, 'next' as const), node }),
  fc.record({ kind: fc.constant('state' as const), node, state: fc.constantFrom(ALIVE, SUSPECT, DEAD, LEFT) }),
);

t.test('a table is what a map of records is', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.integer(), (steps, seed) => {
      const random = seededRandom(seed);
      const table = new MemberTable(2);
      const naive = new Map<number, { incarnation: number; state: MemberState; since: number }>();
      let clock = 0;
      for (const step of steps) {
        clock++;
        const known = naive.get(step.node);
        const slot = table.slotOf(step.node);
        if (slot >= 0 !== (known !== undefined)) return false;
        if (step.kind === 'next') {
          if (table.next(random) >= table.size) return false;
        } else if (step.kind === 'add' && known === undefined) {
          table.add(step.node, ALIVE, 2 ** 31 + clock, clock, -clock, random);
          naive.set(step.node, { incarnation: 2 ** 31 + clock, state: ALIVE, since: -clock });
        } else if (step.kind === 'remove' && known !== undefined) {
          table.remove(slot);
          naive.delete(step.node);
        } else if (step.kind === 'state' && known !== undefined) {
          table.setState(slot, step.state, clock);
          Object.assign(known, { state: step.state, since: clock });
        }
        if (table.size !== naive.size) return false;
        if (table.living !== [...naive.values()].filter(({ state }) => state <= SUSPECT).length) return false;
      }
      return [...naive].every(([node, { incarnation, state, since }]) => {
        const slot = table.slotOf(node);
        if (table.nodes[slot] !== node || table.incarnations[slot] !== incarnation) return false;
        return table.state(slot) === state && table.since[slot] === since && Number.isNaN(table.rttMs[slot]);
      });
    }),
  );
});

t.test('each has its turn once in a round, whoever comes and goes; no two rounds are alike', async (t) => {
  const random = seededRandom(5);
  const table = new MemberTable();
  for (let node = 0; node < 50; node++) table.add(node, ALIVE, 1, 0, 0, random);
  while (table.next(random) !== 49);
  const rounds: number[][] = [];
  for (let round = 0; round < 2; round++) {
    rounds.push(Array.from({ length: 50 }, () => table.nodes[table.next(random)]));
  }
  for (const round of rounds) t.equal(new Set(round).size, 50);
  t.not(String(rounds[0]), String(rounds[1]));

  const seen = Array.from({ length: 20 }, () => table.nodes[table.next(random)]);
  table.remove(table.slotOf(seen[3]));
  const waiting = [...Array(50).keys()].filter((node) => !seen.includes(node));
  table.remove(table.slotOf(waiting[0]));
  table.add(70, ALIVE, 1, 0, 0, () => 0);
  table.add(71, ALIVE, 1, 0, 0, () => 0.999);
  const rest = Array.from({ length: 30 }, () => table.nodes[table.next(random)]);
  t.same(new Set(rest), new Set([...waiting.slice(1), 71]), '70 came at a place that had its turn');
  t.equal(new Set(Array.from({ length: 50 }, () => table.nodes[table.next(random)])).size, 50);
});

t.test('who is nobody has no slot', async (t) => {
  const table = new MemberTable();
  for (const node of [-1, 0, 15, 16, 2 ** 31]) t.equal(table.slotOf(node), -1);
});

t.test('newcomers are spread over the round', async (t) => {
  const random = seededRandom(6);
  let sum = 0;
  for (let run = 0; run < 500; run++) {
    const table = new MemberTable();
    for (let node = 0; node < 20; node++) table.add(node, ALIVE, 1, 0, 0, random);
    for (let turn = 0; turn < 10; turn++) table.next(random);
    table.add(20, ALIVE, 1, 0, 0, random);
    let turns = 1;
    while (table.nodes[table.next(random)] !== 20) turns++;
    sum += turns;
  }
  // 11 of 21 places come in this round, after 6 turns on average, 10 in the next, after 21.
  t.ok(Math.abs(sum / 500 - 13.1) < 1.5, `${sum / 500} turns on average`);
});

t.test('a sample has whom it may have, however few they are', async (t) => {
  const random = seededRandom(7);
  const table = new MemberTable();
  for (let node = 0; node < 200; node++) table.add(node, node < 2 ? ALIVE : DEAD, 1, 0, node, random);
  table.setState(table.slotOf(2), SUSPECT, 0);
  table.setState(table.slotOf(3), LEFT, 500);
  t.same(new Set(sample(table, 3, { upTo: ALIVE }, random)), new Set([0, 1]));
  t.same(sample(table, 3, { upTo: ALIVE, except: 1 }, random), [0]);
  t.same(new Set(sample(table, 5, { upTo: SUSPECT, deadSince: 198 }, random)), new Set([0, 1, 2, 199]));
  t.same(sample(new MemberTable(), 3, { upTo: ALIVE }, random), []);
  for (let node = 0; node < 200; node++) table.setState(table.slotOf(node), ALIVE, 0);
  const times = new Array(200).fill(0);
  for (let i = 0; i < 20_000; i++) for (const node of sample(table, 3, { upTo: ALIVE }, random)) times[node]++;
  t.ok(Math.min(...times) > 220 && Math.max(...times) < 380, `${Math.min(...times)} to ${Math.max(...times)} of 300`);
});

t.test('a circle leaves nobody out, and begins anywhere', async (t) => {
  const random = seededRandom(8);
  const table = new MemberTable();
  t.same(new Circle(table, random).next(3, { upTo: SUSPECT }), []);
  for (let node = 0; node < 20; node++) table.add(node, node % 2 === 0 ? ALIVE : LEFT, 1, 0, 0, random);
  const firsts = new Set<number>();
  for (let run = 0; run < 50; run++) {
    const circle = new Circle(table, random);
    const told = [0, 1, 2, 3].flatMap(() => circle.next(3, { upTo: SUSPECT }));
    t.equal(told.length, 12);
    t.equal(new Set(told.slice(0, 10)).size, 10);
    t.same(told.slice(10), told.slice(0, 2));
    firsts.add(told[0]);
  }
  t.equal(firsts.size, 10);
});

t.test('cards are numbers with holders', async (t) => {
  const cards = new CardStore();
  const [a, b] = [card('a'), card('b')];
  const id = cards.retain(a);
  t.equal(cards.retain(a), id);
  t.not(cards.retain(b), id);
  t.equal(cards.get(id), a);
  cards.release(id);
  t.equal(cards.get(id), a, 'one holder is left');
  cards.release(id);
  t.throws(() => cards.get(id), { code: 'INTERNAL' });
  t.throws(() => cards.release(id), { code: 'INTERNAL' });
  t.equal(cards.size, 1);
  t.equal(cards.retain(card('c')), id, 'its number serves again');
});
