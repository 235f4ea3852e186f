/**
 * `npm run bench:growth`: how the cost of a packet grows with peers, prefixes and its size, inside one process; what the
 * table takes of memory and a switch of it of time, while packets flow; and what two hosts carry by MTU and workers (needs
 * root, iperf3, ping and ethtool). With `--out` a part's results are written as JSON, and charts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { machine } from '../src/bench/statistics.js';
import { listOption, numbers, whole } from '../src/cli/option-values.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { measureHosts } from './growth/hosts.js';
import { measureLookups } from './growth/lookups.js';
import { SIZES } from './growth/population.js';
import { charts, type Results, tables } from './growth/report.js';
import { measureMemory, measurePeers, measureSwitch, type PeerChange, type Switch } from './growth/switches.js';
import { script } from './script.js';

const PARTS = ['lookups', 'switches', 'hosts'] as const;
/** More workers than cores only wait for each other. */
const CORES = cpus().length;
const WORKERS = [1, 2, 4, 8].filter((count) => count <= CORES);

interface Options {
  readonly part: (typeof PARTS)[number] | 'all';
  readonly rounds: number;
  readonly seconds: number;
  readonly workers: readonly number[];
  readonly out?: string;
}

const {
  part: wanted,
  rounds,
  seconds,
  workers,
  out,
} = script(
  'bench:growth',
  'How cost grows with peers, prefixes, packet size, MTU and workers. Its part "hosts" needs root, iperf3, ping, ethtool.',
  ['--part lookups --rounds 3', 'only what a packet costs'],
)
  .addOption(new Option('--part <PART>', 'of it').choices([...PARTS, 'all']).default('all'))
  .option('--rounds <COUNT>', 'of which medians are taken', whole(1, 1000), 9)
  .option('--seconds <SECONDS>', 'hosts: of each test', whole(1, 60), 1)
  .addOption(listOption('--workers <LIST>', 'hosts: how many', WORKERS, numbers(1, 64)))
  .option('--out <FOLDER>', 'write results as JSON, and charts')
  .parse()
  .opts<Options>();
const parts = PARTS.filter((part) => wanted === 'all' || wanted === part);
const progress = (words: string) => console.error(words);

for (const part of parts) {
  const results: Results = { machine: machine(), ...(await measure(part)) };
  console.log(`${results.machine}; medians of ${rounds} rounds, least to most\n\n${tables(results)}\n`);
  if (out !== undefined) write(out, part, results);
}

async function measure(part: (typeof PARTS)[number]): Promise<Omit<Results, 'machine'>> {
  if (part === 'lookups') return { lookups: await measureLookups(rounds, progress) };
  if (part === 'switches') return measureSwitches();
  await ensurePrivileges();
  return { hosts: await measureHosts(rounds, workers, seconds, progress) };
}

async function measureSwitches(): Promise<Omit<Results, 'machine'>> {
  const switches: Switch[][] = [];
  const peers: PeerChange[][] = [];
  for (let round = 1; round <= rounds; round++) {
    progress(`switches, round ${round} of ${rounds}`);
    const row: Switch[] = [];
    for (const size of SIZES) row.push(await measureSwitch(size));
    switches.push(row);
    peers.push(await measurePeers());
  }
  return { memory: await measureMemory(), switches, peers };
}

function write(folder: string, part: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${part}.json`), `${JSON.stringify(results, null, 1)}\n`);
  for (const [name, svg] of Object.entries(charts(results))) writeFileSync(join(folder, name), svg);
}
