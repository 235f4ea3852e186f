/**
 * `npm run bench:hosts -- [--rounds 3] [--seconds 3] [--native] [--laboratory cable] [--json FILE]`: podwire beside a kernel vxlan device,
 * tinc and fastd, or with `--native` podwire with the addon, with less of it and without it; between two hosts in network
 * namespaces, with iperf3 and ping, in one of the two laboratories (src/lab/plan.ts). Rounds are interleaved; medians are
 * printed.
 */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Lab } from '../src/lab/lab.js';
import { laboratoryOf } from '../src/lab/plan.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { hasProgram } from '../src/lab/tools.js';
import { fastd } from './peers/fastd.js';
import { kernelVxlan } from './peers/kernel-vxlan.js';
import type { Overlay } from './peers/overlay.js';
import { podwire, podwireModes } from './peers/podwire.js';
import { tinc } from './peers/tinc.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    native: { type: 'boolean', default: false },
    laboratory: { type: 'string' },
    json: { type: 'string' },
  },
});
const seconds = values.seconds;

const LOADS = {
  'TCP 1 (Gbit/s)': ['-t', seconds],
  'TCP 1 reverse (Gbit/s)': ['-t', seconds, '-R'],
  'TCP 4 (Gbit/s)': ['-t', seconds, '-P', '4'],
  'UDP 64 B (k/s)': ['-t', seconds, '-u', '-b', '0', '-l', '64'],
} as const;
type Figure = keyof typeof LOADS | 'RTT (µs)';

await ensurePrivileges();
for (const program of ['iperf3', 'ping']) {
  if (hasProgram(program)) continue;
  console.error(`bench:hosts needs ${program}: apt-get install iperf3 iputils-ping`);
  process.exit(2);
}
const wanted: readonly Overlay[] = values.native ? podwireModes : [kernelVxlan, podwire, tinc, fastd];
const overlays = wanted.filter(({ name, program }) => {
  if (program === undefined || hasProgram(program)) return true;
  console.error(`${name}: skipped, ${program} is not installed`);
  return false;
});

const samples = new Map<string, Map<Figure, number[]>>(overlays.map(({ name }) => [name, new Map()]));
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const overlay of overlays) {
    console.error(`round ${round}: ${overlay.name}`);
    await measureOverlay(overlay);
  }
}
report();

async function measureOverlay(overlay: Overlay): Promise<void> {
  const lab = await Lab.create({ name: 'bench', hosts: 2, laboratory: laboratoryOf(values.laboratory) });
  try {
    const address = await overlay.start(lab);
    const [alpha, bravo] = lab.hosts;
    await reachable(lab, address);
    lab.spawn(bravo, ['iperf3', '-s'], { stdio: 'ignore' });
    for (const [figure, args] of Object.entries(LOADS) as [keyof typeof LOADS, readonly string[]][]) {
      note(overlay.name, figure, await iperf(lab, address, args));
    }
    const ping = await lab.exec(alpha, ['ping', '-n', '-q', '-i', '0.002', '-c', '1000', address], {
      timeoutMs: 30_000,
    });
    note(overlay.name, 'RTT (µs)', Number(/= [\d.]+\/([\d.]+)/.exec(ping.stdout)?.[1]) * 1000);
  } finally {
    await lab.destroy();
  }
}

async function reachable(lab: Lab, address: string): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    if ((await lab.exec(lab.hosts[0], ['ping', '-n', '-c', '1', '-W', '1', address])).code === 0) return;
  }
  throw new Error(`${address} does not answer`);
}

/** Gbit/s, or for UDP thousand datagrams delivered a second. */
async function iperf(lab: Lab, address: string, args: readonly string[]): Promise<number> {
  const run = () => lab.exec(lab.hosts[0], ['iperf3', '-c', address, '-J', ...args], { timeoutMs: 60_000 });
  let result = await run();
  for (let tries = 0; result.code !== 0 && tries < 20; tries++) {
    // Its server may not be there yet, or not be done with the one before.
    await delay(100);
    result = await run();
  }
  const { end, error } = JSON.parse(result.stdout);
  if (error !== undefined) throw new Error(`iperf3 ${args.join(' ')}: ${error}`);
  if (!args.includes('-u')) return end.sum_received.bits_per_second / 1e9;
  return (end.sum.packets - end.sum.lost_packets) / end.sum.seconds / 1000;
}

function note(name: string, figure: Figure, value: number): void {
  const figures = samples.get(name) ?? new Map<Figure, number[]>();
  figures.set(figure, [...(figures.get(figure) ?? []), value]);
  samples.set(name, figures);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function report(): void {
  const figures: Figure[] = [...(Object.keys(LOADS) as (keyof typeof LOADS)[]), 'RTT (µs)'];
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}`;
  console.log(
    `${machine}; underlay MTU 1500, laboratory ${laboratoryOf(values.laboratory)}; medians of ${values.rounds} rounds, least to most\n`,
  );
  console.log(`| | ${figures.join(' | ')} |\n|---|${figures.map(() => '---|').join('')}`);
  for (const [name, found] of samples) {
    const cells = figures.map((figure) => {
      const all = found.get(figure) ?? [];
      const digits = figure.startsWith('TCP') ? 2 : 0;
      const range = `${Math.min(...all).toFixed(digits)}–${Math.max(...all).toFixed(digits)}`;
      return `${median(all).toFixed(digits)} (${range})`;
    });
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  if (values.json === undefined) return;
  const results = Object.fromEntries([...samples].map(([name, found]) => [name, Object.fromEntries(found)]));
  writeFileSync(values.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
}
