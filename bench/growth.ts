/**
 * `npm run bench:growth -- [--part lookups|switches|hosts|all] [--rounds 9] [--seconds 1] [--workers 1,2] [--out FOLDER]`:
 * how the cost of a packet grows with peers, prefixes and its size, inside one process; what the table takes of memory
 * and a switch of it of time, while packets flow; and what two hosts carry by MTU and workers (needs root, iperf3,
 * ping and ethtool). With `--out` a part's results are written as JSON, and charts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../src/bench/statistics.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { measureHosts } from './growth/hosts.js';
import { measureLookups } from './growth/lookups.js';
import { SIZES } from './growth/population.js';
import { charts, type Results, tables } from './growth/report.js';
import { measureMemory, measurePeers, measureSwitch, type PeerChange, type Switch } from './growth/switches.js';

const PARTS = ['lookups', 'switches', 'hosts'] as const;
/** More workers than cores only wait for each other. */
const CORES = cpus().length;

const { values } = parseArgs({
  options: {
    part: { type: 'string', default: 'all' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    workers: { type: 'string', default: [1, 2, 4, 8].filter((count) => count <= CORES).join() },
    out: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const parts = PARTS.filter((part) => values.part === 'all' || values.part === part);
if (parts.length === 0 || !(rounds >= 1)) {
  console.error(`bench:growth: --part is ${PARTS.join(', ')} or all, --rounds at least 1`);
  process.exit(2);
}
const progress = (words: string) => console.error(words);

for (const part of parts) {
  const results: Results = { machine: machine(), ...(await measure(part)) };
  console.log(`${results.machine}; medians of ${rounds} rounds, least to most\n\n${tables(results)}\n`);
  if (values.out !== undefined) write(values.out, part, results);
}

async function measure(part: (typeof PARTS)[number]): Promise<Omit<Results, 'machine'>> {
  if (part === 'lookups') return { lookups: await measureLookups(rounds, progress) };
  if (part === 'switches') return measureSwitches();
  await ensurePrivileges();
  return { hosts: await measureHosts(rounds, values.workers.split(',').map(Number), Number(values.seconds), progress) };
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
