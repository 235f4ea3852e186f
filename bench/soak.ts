/**
 * `npm run bench:soak`: does a node grow under load, and is gossip on time beside it? Three nodes that found each other; TCP
 * both ways between the pods of two, and a flood of garbage from the host of the third, all the time; every ten seconds the
 * resident memory, without garbage, and the open files of the two. The verdict is about the slope of memory, once code is
 * compiled and pools are full, and about living nodes that were suspected or declared dead.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../src/api/client.js';
import { LOOP_SAMPLING } from '../src/api/metrics.js';
import { machine } from '../src/bench/statistics.js';
import { between } from '../src/cli/option-values.js';
import { Lab } from '../src/lab/lab.js';
import type { LabHost } from '../src/lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../src/lab/podwire.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { startGarbage, transfer } from '../src/lab/tools.js';
import { Collector } from './collector.js';
import { heapKiB, rssKiB } from './process-memory.js';
import { script } from './script.js';
import { rises, type Slope, slopeOf, type Verdict, verdictOf, worst } from './slope.js';

const PORT = 8472;
const SEED = 4711;
const EVERY = 10_000;
/** The part of the time that does not count: code is compiled and pools fill. */
const WARM_UP = 0.2;
/** A rise that ten minutes do not tell from an allocator's breathing, KiB a minute. */
const TOLERATED = 100;

const VERDICTS: Readonly<Record<Verdict, string>> = {
  steady: 'no growth',
  undecided: 'undecided, memory moves too much for so short a time',
  grows: 'IT GROWS',
};

/** Taken right after full collections: between two of them a heap rises for half an hour by what is garbage. */
interface Sample {
  /** Since the load began. */
  readonly seconds: number;
  /** Of each node, in the order of the hosts. */
  readonly rssKiB: readonly number[];
  /** In use in the main thread's JavaScript heap. */
  readonly heapKiB: readonly number[];
  readonly files: readonly number[];
}

const { minutes, json } = script('bench:soak', 'Does a node grow under load, and is gossip on time beside it?')
  .option('--minutes <COUNT>', 'how long', between(0.5, 10_000), 10)
  .option('--json <FILE>', 'write every sample')
  .parse()
  .opts<{ readonly minutes: number; readonly json?: string }>();
const durationMs = minutes * 60_000;

await ensurePrivileges();
const lab = await Lab.create({ name: 'soak', hosts: 3 });
try {
  await soak(lab);
} finally {
  await lab.destroy();
}

async function soak(lab: Lab): Promise<void> {
  const [alpha, bravo, charlie] = lab.hosts;
  const joining = (host: LabHost) => ({ config: { ...gossipConfig(lab, host), podCidr: host.podCidr } });
  const all = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, joining(host))));
  const nodes = all.slice(0, 2);
  // The first scrape loads the library, and from then on the event loop's delay is sampled.
  for (const { socket } of nodes) await new ApiClient(socket).metrics();
  const names = nodes.map(({ host }) => host.name);
  console.log(`${machine()}\n`);
  console.log(`| seconds | ${names.map((name) => `${name}: RSS (MiB), files`).join(' | ')} |\n|---|---|---|`);

  await startGarbage(lab, charlie, alpha.underlay, PORT, SEED);
  await startGarbage(lab, charlie, bravo.underlay, PORT, SEED + 1);
  const transfers = Promise.all([
    transfer(lab, alpha.pods[0], bravo.pods[0], 4, durationMs),
    transfer(lab, bravo.pods[0], alpha.pods[0], 6, durationMs),
  ]);
  const samples = await watch(
    nodes,
    nodes.map((node) => new Collector(lab, node)),
  );
  const sent = (await transfers).map((end) => ({
    gib: (end?.sent.bytes ?? 0) / 2 ** 30,
    intact: end?.intact ?? false,
  }));
  const gossip = await Promise.all(all.map(gossipOf));
  const after = samples.slice(Math.floor(WARM_UP * samples.length));
  const slopes = names.map((_, node) => slopeOf(after.map(({ seconds, rssKiB }) => [seconds / 60, rssKiB[node]])));
  const verdict = worst([
    ...slopes.map((slope) => verdictOf(slope, TOLERATED)),
    ...names.map((_, node) => (rises(after.map(({ files }) => files[node])) ? 'grows' : 'steady')),
  ]);

  console.log();
  for (const [node, slope] of slopes.entries()) console.log(`${names[node]}: ${inWords(slope)}`);
  console.log(sent.map(({ gib, intact }) => `TCP ${gib.toFixed(1)} GiB, ${intact ? 'whole' : 'NOT whole'}`).join('; '));
  for (const { node, suspected, failed, loopP99Ms } of gossip) {
    const loop =
      loopP99Ms === undefined ? '' : `; event loop late by ${loopP99Ms.toFixed(1)} ms at most, 99 of 100 times`;
    console.log(`${node}: ${suspected} suspicions and ${failed} deaths told of living nodes${loop}`);
  }
  console.log(`${minutes} minutes under load: ${VERDICTS[verdict]}`);
  if (json === undefined) return;
  const nodesFound = names.map((name, node) => ({ name, ...slopes[node] }));
  writeFileSync(json, `${JSON.stringify({ verdict, nodes: nodesFound, gossip, sent, samples }, null, 2)}\n`);
}

async function watch(nodes: readonly RunningPodwire[], collectors: readonly Collector[]): Promise<Sample[]> {
  const samples: Sample[] = [];
  const started = performance.now();
  for (let next = 0; next <= durationMs; next += EVERY) {
    await sleep(started + next - performance.now());
    for (const collector of collectors) {
      if (!(await collector.collect())) throw new Error('a node has ended');
    }
    const sample = {
      seconds: Math.round((performance.now() - started) / 1000),
      rssKiB: nodes.map(({ process }) => rssKiB(process.pid)),
      heapKiB: await Promise.all(nodes.map(async ({ socket }) => heapKiB(await new ApiClient(socket).metrics()))),
      files: nodes.map(({ process }) => readdirSync(`/proc/${process.pid}/fd`).length),
    };
    samples.push(sample);
    const cells = nodes.map((_, node) => `${(sample.rssKiB[node] / 1024).toFixed(1)}, ${sample.files[node]}`);
    console.log(`| ${sample.seconds} | ${cells.join(' | ')} |`);
  }
  return samples;
}

/** What a node told of others, all of which live; and how late its main thread was. */
async function gossipOf({ host, socket, log }: RunningPodwire): Promise<{
  readonly node: string;
  readonly suspected: number;
  readonly failed: number;
  readonly loopP99Ms: number | undefined;
}> {
  const told = (kind: string) => log().split(`"kind":"${kind}"`).length - 1;
  const p99 = /^nodejs_eventloop_lag_p99_seconds ([\d.e-]+)$/m.exec(await new ApiClient(socket).metrics())?.[1];
  return {
    node: host.name,
    suspected: told('suspected'),
    failed: told('failed'),
    loopP99Ms: p99 === undefined ? undefined : Math.max(0, 1000 * Number(p99) - LOOP_SAMPLING),
  };
}

function inWords({ perMinute, error }: Slope): string {
  return `${perMinute.toFixed(1)} ± ${(2 * error).toFixed(1)} KiB a minute`;
}
