/**
 * `npm run bench:sim`: the membership protocol at three sizes in virtual time: how long a join and a death take to be
 * known to all, what is noticed falsely beside slow nodes, with Lifeguard and without, and what gossip costs each node.
 * One process a run: 10,000 nodes take gigabytes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine } from '../src/bench/statistics.js';
import { listOption, numbers, whole } from '../src/cli/option-values.js';
import { convergenceSvg, noticedBy, type RunReport } from '../src/sim/index.js';
import { markdownTable } from './markdown.js';
import { script } from './script.js';

const SIZES = [100, 1000, 10_000];
const { sizes, seed, out } = script('bench:sim', 'The membership protocol in virtual time, at several sizes.')
  .addOption(listOption('--sizes <LIST>', 'nodes', SIZES, numbers(2, 100_000)))
  .option('--seed <NUMBER>', 'of every run', whole(), 1)
  .option('--out <FOLDER>', 'where results and charts go', 'bench/results/membership')
  .parse()
  .opts<{ readonly sizes: readonly number[]; readonly seed: number; readonly out: string }>();
const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
/** Above this a run is kept short: events grow with the number of nodes. */
const LARGE = 5_000;

interface Case {
  readonly name: string;
  readonly scenario: (nodes: number) => object;
  /** Not tried with more nodes than these. */
  readonly most?: number;
}

const slow = (nodes: number) => ({
  seconds: nodes > LARGE ? 60 : 300,
  actions: [{ at: 10, slow: 0.01, stall: 30, what: 'receiving', for: 290 }],
});
const CASES: readonly Case[] = [
  { name: 'join', scenario: () => ({ seconds: 30, actions: [{ at: 20, join: 1 }] }) },
  // Every node exchanges states within 30 s of its start; from then on as seldom as its size demands, every 300 s among 10,000.
  { name: 'kill', scenario: () => ({ seconds: 330, warmUp: 30, actions: [{ at: 40, kill: 1 }] }) },
  { name: 'slow', scenario: slow },
  {
    name: 'slow, without Lifeguard',
    scenario: (nodes) => ({ ...slow(nodes), tune: { awarenessMax: 0, suspicionMaxMult: 1 } }),
    // False deaths are told by everybody: among 10,000 it comes to no end within hours and 12 GB.
    most: 1000,
  },
];

const folder = mkdtempSync(join(tmpdir(), 'podwire-sim-'));
const reports = new Map<string, RunReport[]>();
try {
  for (const { name, scenario, most = Number.POSITIVE_INFINITY } of CASES) {
    for (const nodes of sizes.filter((size) => size <= most)) {
      const started = performance.now();
      const report = simulate({ nodes, ...scenario(nodes) });
      reports.set(name, [...(reports.get(name) ?? []), report]);
      console.error(`${name}, ${nodes} nodes: ${((performance.now() - started) / 1000).toFixed(0)} s of real time`);
      // A long run that is broken off leaves what it has.
      writeFileSync(join(out, 'simulated.json'), `${JSON.stringify(slim(), null, 2)}\n`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const name of ['join', 'kill']) {
  const title = name === 'join' ? 'A node joins' : 'A node is killed';
  writeFileSync(join(out, `simulated-${name}.svg`), convergenceSvg(title, reports.get(name) ?? []));
}
const text = table();
console.log(text);
writeFileSync(join(out, 'simulated.md'), `${text}\n`);

function slim(): object {
  return Object.fromEntries([...reports].map(([name, runs]) => [name, runs.map(({ spreads: _, ...rest }) => rest)]));
}

function simulate(scenario: object): RunReport {
  const file = join(folder, 'scenario.json');
  writeFileSync(file, JSON.stringify(scenario));
  const argv = ['--max-old-space-size=12000', CLI, 'sim', file, '--seed', String(seed), '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(stderr || `ended with ${status}`);
  return JSON.parse(stdout) as RunReport;
}

function table(): string {
  const all = (name: string) => reports.get(name) ?? [];
  const seconds = (ms: number | undefined) => (ms === undefined ? 'never' : `${(ms / 1000).toFixed(2)} s`);
  const spread = (name: string, part: number) => all(name).map(({ spreads: [one] }) => seconds(noticedBy(one, part)));
  const first = (name: string) => all(name).map(({ spreads: [one] }) => seconds(one.times[0]));
  const per = (purpose: 'probe' | 'gossip' | 'push-pull') =>
    all('kill').map(({ traffic, nodes, counted }) => `${Math.round(traffic[purpose].bytes / nodes / counted)} B/s`);
  const falsely = (name: string) =>
    all(name).map((run) => `${run.falseDeaths} (${run.falselyDead} nodes), healthy ones: ${run.falseDeathsOfHealthy}`);
  const rows: [string, string[]][] = [
    ['a join: half know', spread('join', 0.5)],
    ['a join: all know', spread('join', 1)],
    ['a kill: the first suspects', all('kill').map(({ spreads: [one] }) => seconds(one.suspectedMs))],
    ['a kill: the first knows', first('kill')],
    ['a kill: all know', spread('kill', 1)],
    ['false deaths, 1 % slow', falsely('slow')],
    ['the same without Lifeguard', falsely('slow, without Lifeguard')],
    ['probes, for each node', per('probe')],
    ['gossip, for each node', per('gossip')],
    ['push/pull, for each node', per('push-pull')],
  ];
  const head = ['', ...sizes.map((nodes) => `${nodes} nodes`)];
  const full = rows.map(([name, cells]) => head.map((_, i) => [name, ...cells][i] ?? 'not tried'));
  return `${machine()}; seed ${seed}\n\n${markdownTable(head, full)}`;
}
