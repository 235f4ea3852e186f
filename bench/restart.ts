/**
 * `npm run bench:restart`: what pods notice when their node's agent goes and another comes: ended by SIGTERM, killed, or
 * with a successor that takes over. Two nodes that found each other, a pod on each; a steady flow of small datagrams to
 * an echo and back, and beside it TCP at full speed, checked byte by byte.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { machine, median, quantile } from '../src/bench/statistics.js';
import { between, whole } from '../src/cli/option-values.js';
import { attach, containers } from '../src/lab/containers.js';
import { Lab } from '../src/lab/lab.js';
import type { LabPod } from '../src/lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../src/lab/podwire.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import type { SteadyReport } from '../src/lab/steady.js';
import { ask, startDatagramEcho, startEcho, startSteady, transfer } from '../src/lab/tools.js';
import { markdownTable } from './markdown.js';
import { script } from './script.js';

const WAYS = ['SIGTERM', 'SIGKILL', 'takeover'] as const;
const LOADS = ['datagrams alone', 'beside TCP at full speed'] as const;
/** How long a flow lasts, and when the agent goes, ms. */
const DURATION = 5_000;
const BEFORE = 1_000;

type Way = (typeof WAYS)[number];
type Load = (typeof LOADS)[number];

interface Sample extends SteadyReport {
  readonly way: Way;
  readonly load: Load;
  /** From the start of the agent's program until it is ready. */
  readonly readyMs: number;
  /** Whether every byte of the TCP connection arrived once; absent: there was none. */
  readonly tcpIntact?: boolean;
}

const { rounds, rate, json } = script(
  'bench:restart',
  "What pods notice when their node's agent goes and another comes.",
)
  .option('--rounds <COUNT>', 'of each way to go', whole(1, 1000), 5)
  .option('--rate <COUNT>', 'datagrams a second', between(1, 100_000), 1000)
  .option('--json <FILE>', 'write every sample')
  .parse()
  .opts<{ readonly rounds: number; readonly rate: number; readonly json?: string }>();

await ensurePrivileges();
const lab = await Lab.create({ name: 'brestart', hosts: 2, pods: 0 });
try {
  const samples = await measure(lab);
  report(samples);
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify({ machine: machine(), rate, samples }, null, 2)}\n`);
  }
} finally {
  await lab.destroy();
}

async function measure(lab: Lab): Promise<Sample[]> {
  const [alpha, bravo] = lab.hosts;
  const start = (args: string[] = []) => lab.startPodwire(alpha, { config: gossipConfig(lab, alpha), args });
  let node = await start();
  const other = await lab.startPodwire(bravo, { config: gossipConfig(lab, bravo) });
  const [from, to] = await Promise.all([podOn(lab, node), podOn(lab, other)]);
  await Promise.all([startEcho(lab, to), startDatagramEcho(lab, to)]);
  while ((await ask(lab, from, to.addresses)).some(({ seen }) => seen === ''));

  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const load of LOADS) {
      for (const way of WAYS) {
        const flow = await startSteady(lab, from, to.addresses[0], rate, DURATION);
        const moved = load === 'datagrams alone' ? undefined : transfer(lab, from, to, 6, DURATION);
        await sleep(BEFORE);
        node = await restart(node, way, start);
        const transferred = await moved;
        const found: Sample = {
          way,
          load,
          ...(await flow.report),
          readyMs: node.readyMs,
          ...(moved && { tcpIntact: transferred?.intact ?? false }),
        };
        samples.push(found);
        console.log(JSON.stringify(found));
      }
    }
  }
  return samples;
}

async function podOn(lab: Lab, node: RunningPodwire): Promise<LabPod> {
  const [container] = await containers(lab, node.host, 'pod');
  const { addresses } = await attach(lab, node, container);
  return { ...container, name: container.id, port: '', addresses: [addresses[0], addresses[1]] };
}

async function restart(
  node: RunningPodwire,
  way: Way,
  start: (args?: string[]) => Promise<RunningPodwire>,
): Promise<RunningPodwire> {
  const gone = new Promise((resolve) => node.process.once('close', resolve));
  if (way !== 'takeover') {
    node.process.kill(way);
    await gone;
    return start();
  }
  const next = await start(['--takeover']);
  await gone;
  return next;
}

function report(samples: readonly Sample[]): void {
  console.log(`\n${machine()}; ${rate} datagrams a second for ${DURATION / 1000} s, ${rounds} rounds\n`);
  const rows = LOADS.flatMap((load) =>
    WAYS.map((way) => {
      const some = samples.filter((sample) => sample.way === way && sample.load === load);
      const lost = some.map((sample) => sample.lost);
      const gaps = some.map(({ longestGapMs }) => longestGapMs);
      const tcp = some.filter(({ tcpIntact }) => tcpIntact !== undefined);
      return [
        `${way}, ${load}`,
        median(some.map(({ sent }) => sent)),
        median(lost),
        Math.max(...lost),
        median(gaps).toFixed(0),
        quantile(gaps, 1).toFixed(0),
        median(some.map(({ readyMs }) => readyMs)).toFixed(0),
        tcp.length === 0 ? '' : `${tcp.filter(({ tcpIntact }) => tcpIntact).length} of ${tcp.length}`,
      ];
    }),
  );
  const gap = ['longest gap, median (ms)', 'most (ms)'];
  console.log(markdownTable(['', 'lost of', 'median', 'most', ...gap, 'ready, median (ms)', 'TCP whole'], rows));
}
