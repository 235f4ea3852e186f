/**
 * `npm run bench:hostile`: two nodes that found each other, and a host without the key that has recorded them (one of
 * them in two lives). It sends to both gossip ports what it recorded, changed, cut, lengthened and invented, as fast as
 * they read it, and holds as many streams as it can. Does anybody grow, fall, or change its mind about the other? Needs
 * root and tshark.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../src/api/client.js';
import { machine } from '../src/bench/statistics.js';
import { whole } from '../src/cli/option-values.js';
import { Lab } from '../src/lab/lab.js';
import type { LabHost } from '../src/lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../src/lab/podwire.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { recordUdp, startHostile } from '../src/lab/tools.js';
import { rssKiB } from './process-memory.js';
import { requirePrograms, script } from './script.js';
import { slopeOf } from './slope.js';

const PORT = 7946;
const SEED = 4711;
const EVERY = 10_000;
/** The part of the time that does not count for the slope: code is compiled and tables fill. */
const WARM_UP = 0.2;
/** Events that would show that the cluster was shaken. */
const SHAKEN = ['suspected', 'failed', 'refuted', 'conflict'];

interface Sample {
  readonly seconds: number;
  /** Of each node. */
  readonly rssMiB: readonly number[];
}

const { datagrams, json } = script(
  'bench:hostile',
  'Two nodes, and a host without the key that sends them all it can think of.',
)
  .option('--datagrams <COUNT>', 'to both of them together', whole(2), 10_000_000)
  .option('--json <FILE>', 'write what was found')
  .parse()
  .opts<{ readonly datagrams: number; readonly json?: string }>();
const count = datagrams / 2;
await ensurePrivileges();
requirePrograms('bench:hostile', ['tshark'], 'tshark');
const lab = await Lab.create({ name: 'hostile', hosts: 3, pods: 0 });
try {
  await main();
} finally {
  await lab.destroy();
}

async function main(): Promise<void> {
  const [alphaHost, bravoHost, stranger] = lab.hosts;
  const start = (host: LabHost) => lab.startPodwire(host, { config: gossipConfig(lab, host), timeoutMs: 30_000 });
  const recording = await recordUdp(lab, bravoHost, PORT);
  const alpha = await start(alphaHost);
  (await start(bravoHost)).process.kill('SIGKILL');
  const nodes = [alpha, await start(bravoHost)];
  await delay(EVERY);
  const recorded = await recording.stop();

  console.log(`${machine()}; ${recorded.length} datagrams recorded\n`);
  console.log('| seconds | alpha: RSS (MiB) | bravo: RSS (MiB) |\n|---|---|---|');
  const begin = new Date().toISOString();
  const before = await Promise.all(nodes.map(stateOf));
  const started = performance.now();
  const attacks = await Promise.all(
    nodes.map((node, i) => startHostile(lab, stranger, node, { recorded, port: PORT, count, seed: SEED + i })),
  );
  const ended = Promise.all(attacks.map(({ report }) => report()));
  const samples = await watch(nodes, ended);
  const seconds = (performance.now() - started) / 1000;
  const sent = await ended;
  const after = await Promise.all(nodes.map(stateOf));

  console.log(`\n${2 * count} datagrams in ${seconds.toFixed(0)} s: ${Math.round((2 * count) / seconds)} a second\n`);
  const late = samples.filter((sample) => sample.seconds >= WARM_UP * seconds);
  const results = await Promise.all(
    nodes.map(async ({ host, socket, process }, i) => {
      const events = await new ApiClient(socket).events();
      const counts = Object.entries(after[i].drops).map(
        ([name, n]) => [name, n - (before[i].drops[name] ?? 0)] as const,
      );
      return {
        name: host.name,
        sent: sent[i],
        ends: Object.fromEntries(counts.filter(([, n]) => n > 0)),
        lostByKernel: lostByKernel(process.pid),
        rssMiB: [before[i].rssMiB, after[i].rssMiB],
        slope: slopeOf(late.map((sample) => [sample.seconds / 60, 1024 * sample.rssMiB[i]])),
        shaken: events.filter(({ at, kind }) => at > begin && SHAKEN.includes(kind)),
        undisturbed: JSON.stringify(before[i].facts) === JSON.stringify(after[i].facts),
      };
    }),
  );
  for (const { name, sent: kinds, ends, rssMiB, slope, shaken, undisturbed, lostByKernel: lost } of results) {
    console.log(`${name}: sent ${inWords(kinds)}; lost by the kernel ${lost}`);
    console.log(`  counted ${inWords(ends)}`);
    console.log(
      `  RSS ${rssMiB.map((one) => one.toFixed(1)).join(' -> ')} MiB, ${slope.perMinute.toFixed(1)} KiB a minute`,
    );
    console.log(
      `  members and subnets ${undisturbed ? 'as before' : 'NOT as before'}, ${shaken.length} events of alarm`,
    );
  }
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify({ machine: machine(), seconds, results, samples }, null, 2)}\n`);
  }
}

async function stateOf({ socket }: RunningPodwire) {
  const client = new ApiClient(socket);
  const { gossip, rssBytes, podCidr } = await client.status();
  const members = await client.members();
  return {
    drops: gossip?.drops ?? {},
    rssMiB: rssBytes / 2 ** 20,
    facts: { podCidr, members: members.map(({ node, state, incarnation }) => ({ node, state, incarnation })) },
  };
}

/** Samples until the attack is over. */
async function watch(nodes: readonly RunningPodwire[], ended: Promise<unknown>): Promise<Sample[]> {
  const samples: Sample[] = [];
  const started = performance.now();
  const over = ended.then(() => true);
  for (let done = false; !done; ) {
    const seconds = Math.round((performance.now() - started) / 1000);
    const sample = { seconds, rssMiB: nodes.map(({ process }) => rssKiB(process.pid) / 1024) };
    samples.push(sample);
    console.log(`| ${seconds} | ${sample.rssMiB.map((one) => one.toFixed(1)).join(' | ')} |`);
    done = await Promise.race([over, delay(EVERY, false)]);
  }
  return samples;
}

/** Datagrams to the gossip port that found its buffer full. */
function lostByKernel(pid: number | undefined): number {
  const end = `:${PORT.toString(16).toUpperCase()}`;
  const rows = readFileSync(`/proc/${pid}/net/udp`, 'utf8').split('\n');
  const row = rows.map((line) => line.trim().split(/\s+/)).find(([, local]) => local?.endsWith(end));
  return Number(row?.at(-1));
}

function inWords(counts: object): string {
  return Object.entries(counts)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ');
}
