/** The simulator and what it says of the shipped protocol. `SEED=n npx tap dist/test/sim/scenarios.test.js` replays; `RUNS=n` for more. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { seededRandom } from '../../src/core/random.js';
import type { Swim } from '../../src/core/swim/swim.js';
import type { SwimEvent } from '../../src/core/swim/types.js';
import type { SimCard } from '../../src/sim/index.js';
import { BUILT_IN, checkScenario, convergenceSvg, noticedBy, parseScenario, runScenario } from '../../src/sim/index.js';
import { packageRoot } from '../unit/package-root.js';

const given = process.env['SEED'];
const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);

t.test('the same seed is the same run, another is another', async (t) => {
  const scenario = parseScenario(readFileSync(join(packageRoot(), 'examples/sim/unkind.yaml'), 'utf8'));
  const report = runScenario(scenario, 7);
  t.strictSame(JSON.stringify(runScenario(scenario, 7)), JSON.stringify(report));
  t.not(JSON.stringify(runScenario(scenario, 8)), JSON.stringify(report));
  t.match(convergenceSvg('unkind', [report]), /^<svg [\s\S]*<polyline points="[\d., ]+" [\s\S]*<\/svg>\n$/);
});

t.test('what happens becomes known to all', async (t) => {
  t.comment(`SEED=${first}`);
  const all = (name: string, nodes = 100, tolerated = 0) => {
    const { spreads, falseDeaths } = runScenario(checkScenario(BUILT_IN[name], { nodes }), first);
    t.ok(falseDeaths <= tolerated, `${name}: ${falseDeaths} times somebody is falsely declared dead`);
    return spreads.map((spread) => noticedBy(spread, 1) ?? Number.POSITIVE_INFINITY);
  };
  for (const ms of all('join')) t.ok(ms < 2_000, `a join within ${ms.toFixed(0)} ms`);
  // An update is sent eight times by each of 99: in one run of sixty one node is told by none of them, but when it exchanges
  // full states, each 90 s, or finds that the other does not answer (600 runs: 97 of 100 within 206 ms, the last after 87 s).
  const left = runScenario(checkScenario({ ...BUILT_IN['leave'], seconds: 200 }, { nodes: 100 }), first);
  t.equal(left.falseDeaths, 0, 'a departure is no death of others');
  for (const spread of left.spreads) {
    const most = noticedBy(spread, 0.97) ?? Number.POSITIVE_INFINITY;
    const last = noticedBy(spread, 1) ?? Number.POSITIVE_INFINITY;
    t.ok(
      most < 2_000 && last < 120_000,
      `a departure within ${most.toFixed(0)} ms, by the last in ${last.toFixed(0)} ms`,
    );
  }
  // Suspicion takes 8 s at least among 100, and 48 s at most.
  for (const ms of all('kill')) t.ok(ms > 8_000 && ms < 30_000, `a death within ${ms.toFixed(0)} ms`);
  // Where every tenth datagram is lost, every thirtieth run has one node that misses one refutation of another.
  for (const ms of all('loss', 100, 3))
    t.ok(ms < 60_000, `a death beside a loss of a tenth within ${ms.toFixed(0)} ms`);
  for (const ms of all('split', 60)) t.ok(ms < 30_000, `a split of ten minutes heals within ${ms.toFixed(0)} ms`);
});

t.test('random faults: when they are over, all know the truth', async (t) => {
  const runs = given === undefined ? Number(process.env['RUNS'] ?? 100) : 1;
  t.comment(`${runs} runs from seed ${first} on`);
  for (let seed = first; seed < first + runs; seed++) {
    const fault = runFaults(seed);
    if (fault !== undefined) t.fail(`SEED=${seed}: ${fault}`);
  }
  t.pass('no lost update, no broken promise');
});

/** Random actions, then quiet; says what is not as it must be. */
function runFaults(seed: number): string | undefined {
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const actions = Array.from({ length: 2 + below(6) }, () => {
    const at = 1 + below(60);
    const some = 1 + below(2);
    return [
      { at, join: some },
      { at, kill: some },
      { at, leave: 1 },
      { at: at + 20, restart: some },
      { at, split: random(), for: below(40) },
      { at, slow: 0.2, for: below(30), stall: 1 + below(12) },
      { at, update: some },
    ][below(7)];
  });
  const network = { loss: random() * 0.15, duplicate: random() * 0.1, latencyMs: below(20), jitterMs: below(50) };
  const scenario = checkScenario({ nodes: 16 + below(20), seconds: 220, ...network, actions });
  const backwards = new Backwards();
  const { wrongViews, views } = runScenario(scenario, seed, undefined, (event, swim) => backwards.look(event, swim));
  if (backwards.seen > 0) return `${backwards.seen} times an incarnation went back: ${JSON.stringify(actions)}`;
  return wrongViews === 0
    ? undefined
    : `${wrongViews} of ${views} views are wrong at the end: ${JSON.stringify(actions)}`;
}

/** What a node knows of another's incarnation never goes back, for as long as it remembers it. */
class Backwards {
  seen = 0;
  readonly #known = new WeakMap<Swim<SimCard>, Map<number, number>>();

  look(event: SwimEvent<SimCard>, swim: Swim<SimCard>): void {
    if (event.kind === 'refuted') return;
    const known = this.#known.get(swim) ?? new Map<number, number>();
    this.#known.set(swim, known);
    const incarnation = swim.member(event.node)?.incarnation;
    if (event.kind === 'forgotten' || incarnation === undefined) known.delete(event.node);
    else if (incarnation < (known.get(event.node) ?? 0)) this.seen++;
    else known.set(event.node, incarnation);
  }
}
