/** bench:growth: its populations are what they say, its verdict can fail, its charts stay on their paper. */
import t from 'tap';
import type { Case } from '../../../bench/growth/lookups.js';
import { Population, peerOf, podWords, prefixes, SIZES, underlayWord } from '../../../bench/growth/population.js';
import { charts, tables } from '../../../bench/growth/report.js';
import { growths } from '../../../bench/growth/verdict.js';
import { ForwardingReader } from '../../../src/core/forwarding/forwarding-reader.js';
import { V4_MAPPED } from '../../../src/wire/address.js';

t.test('a population is found in its table, and can be given to others', async (t) => {
  const [, size] = SIZES;
  const population = await Population.of(size);
  const reader = new ForwardingReader(population.table.memory, 0);
  reader.begin();
  for (const family of [4, 6] as const) {
    for (const target of [0, 1, size.peers - 1]) {
      t.equal(reader.owner(...podWords(target, family)), peerOf(target, size), `IPv${family} ${target}`);
    }
    t.equal(reader.owner(...podWords(-1, family)), 0, 'our own');
  }
  t.equal(reader.sender(0, 0, V4_MAPPED, underlayWord(7)), 7);
  reader.rest();
  await population.table.apply(prefixes(size, 1));
  reader.begin();
  t.equal(reader.owner(...podWords(0, 4)), 2, 'of the next peer now');
  t.same(population.table.size, { peers: size.peers + 1, prefixes: 3 * size.peers + 3 });
});

/** What each round of a packet costs, by table and targets. */
function cases(cost: (table: number, targets: number) => number): Case[] {
  return SIZES.flatMap(({ name, peers, perFamily }, table) =>
    [1, 2, peers * perFamily].map((targets): Case => {
      const ns = cost(table, targets);
      return { way: 'out', family: 4, bytes: 64, table: name, targets, rounds: [ns, ns * 1.5, ns] };
    }),
  );
}

t.test('what differs by targets is no growth, what differs by table is', async (t) => {
  const cache = growths(cases((_, targets) => 100 + Math.log2(targets)));
  t.ok(cache.length >= 6);
  t.ok(cache.every(({ ratio }) => ratio === 1));
  const grown = growths(cases((table, targets) => (table === 3 && targets === 2 ? 120 : 100)));
  t.same(
    grown.filter(({ ratio }) => ratio > 1.1).map(({ table, targets }) => ({ table, targets })),
    [{ table: SIZES[3].name, targets: 2 }],
  );
  t.match(tables({ machine: '', lookups: cases(() => 5) }), /no cost grows/);
  t.match(tables({ machine: '', lookups: cases((table) => 5 + table) }), /A COST GROWS/);
});

t.test('points of a chart with powers of ten lie on the paper, in order', async (t) => {
  const svg = charts({ machine: '', lookups: cases((table) => 100 + table) })['targets.svg'];
  const lines = [...svg.matchAll(/points="([^"]+)"/g)].map(([, points]) =>
    points.split(' ').map((point) => point.split(',').map(Number)),
  );
  for (const line of lines.filter((points) => points.length > 1)) {
    const xs = line.map(([x]) => x);
    t.same(
      xs,
      [...xs].sort((a, b) => a - b),
    );
    t.ok(line.every(([x, y]) => x >= 64 && x <= 570 && y >= 40 && y <= 352));
  }
  t.ok(lines.length > 0);
});
