/**
 * `npm run bench:membership`: how fast a join, and a death by kill -9, is known to all, in real processes on hosts of
 * their own (network namespaces), beside serf (hashicorp memberlist, LAN profile) on the same hosts in the same run, kill
 * by kill in turn. Times are those that the nodes' own logs give.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { machine, median, quantile } from '../src/bench/statistics.js';
import { whole } from '../src/cli/option-values.js';
import { Lab } from '../src/lab/lab.js';
import type { LabHost } from '../src/lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../src/lab/podwire.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { hasProgram, ping } from '../src/lab/tools.js';
import { markdownTable } from './markdown.js';
import { script } from './script.js';

const {
  nodes: count,
  kills,
  json,
} = script(
  'bench:membership',
  'How fast a join, and a death by kill -9, is known to all, beside serf if it is installed.',
)
  .option('--nodes <COUNT>', 'real processes', whole(2, 99), 30)
  .option('--kills <COUNT>', 'of nodes, one after the other', whole(0, 1000), 10)
  .option('--json <FILE>', 'write every time')
  .parse()
  .opts<{ readonly nodes: number; readonly kills: number; readonly json?: string }>();
/** How long a member may take to be known, or to be known as dead, before it counts as never, ms. */
const LONGEST = 60_000;

/** Each host's own overlay address. */
const addresses = new Map<LabHost, string>();

/** A membership protocol under test, one process a host. */
interface Protocol {
  readonly name: string;
  /** Do packets go between the members' own addresses? */
  readonly carries: boolean;
  start(host: LabHost): Promise<{ readonly startedAt: number; kill(): void }>;
  /** When a host's log told of another's joining or dying, ms since 1970, after `since`; undefined: not yet. */
  heard(at: LabHost, of: LabHost, what: 'joined' | 'failed', since: number): number | undefined;
  /** Deaths that a host's log tells of, with their times. */
  deaths(at: LabHost): readonly { readonly node: string; readonly at: number }[];
}

/** A protocol's run, and the times that were seen in it, ms. */
interface Trial {
  readonly protocol: Protocol;
  readonly processes: Map<LabHost, { kill(): void }>;
  readonly killed: { readonly node: string; readonly at: number }[];
  /** From each kill until the first knew, and until all did. */
  readonly first: number[];
  readonly last: number[];
  /** From each start after a kill until all knew. */
  readonly joins: number[];
  /** The same, to the first packet across; none where the protocol carries no packets. */
  readonly packets: number[];
}

await ensurePrivileges();
const lab = await Lab.create({ name: 'members', hosts: count, pods: 0 });
try {
  await main();
} finally {
  await lab.destroy();
}

async function main(): Promise<void> {
  const protocols = hasProgram('serf') ? [podwireProtocol(), serfProtocol()] : [podwireProtocol()];
  if (protocols.length === 1) console.error('serf: skipped, it is not installed (apt-get install serf)');
  const trials = protocols.map(
    (protocol): Trial => ({
      protocol,
      processes: new Map(),
      killed: [],
      first: [],
      last: [],
      joins: [],
      packets: [],
    }),
  );
  for (const trial of trials) await joinAll(trial);
  await killInTurn(trials);
  report(trials);
}

async function joinAll({ protocol, processes }: Trial): Promise<void> {
  for (const [i, host] of lab.hosts.entries()) {
    const { startedAt, kill } = await protocol.start(host);
    processes.set(host, { kill });
    const all = await whenAll(protocol, lab.hosts.slice(0, i), host, 'joined', startedAt);
    progress(`${protocol.name}: ${i + 1} of ${count} hosts, the last was known to all after ${words(all)}`);
  }
}

/** One victim after the other, each in all protocols before the next. */
async function killInTurn(trials: readonly Trial[]): Promise<void> {
  for (let round = 0; round < kills; round++) {
    const victim = lab.hosts[1 + ((round * 7) % (count - 1))];
    const others = lab.hosts.filter((host) => host !== victim);
    for (const trial of trials) {
      const { first, last } = await killOne(trial, victim, others);
      progress(`kill ${round + 1} of ${kills}, ${trial.protocol.name}: first ${words(first)}, all ${words(last)}`);
      await bringBack(trial, victim, others);
    }
  }
}

async function killOne(trial: Trial, victim: LabHost, others: readonly LabHost[]) {
  const { protocol, processes, killed } = trial;
  const at = Date.now();
  killed.push({ node: victim.name, at });
  processes.get(victim)?.kill();
  const last = await whenAll(protocol, others, victim, 'failed', at);
  const times = others.flatMap((host) => protocol.heard(host, victim, 'failed', at) ?? []).map((time) => time - at);
  const first = Math.min(...times);
  trial.first.push(first);
  trial.last.push(last);
  return { first, last };
}

async function bringBack(trial: Trial, victim: LabHost, others: readonly LabHost[]): Promise<void> {
  const { protocol, processes, joins, packets } = trial;
  const { startedAt, kill } = await protocol.start(victim);
  processes.set(victim, { kill });
  const packet = protocol.carries ? await firstPacket(others[0], victim, startedAt) : undefined;
  const joined = await whenAll(protocol, others, victim, 'joined', startedAt);
  joins.push(joined);
  if (packet === undefined) return;
  packets.push(packet);
  progress(`  back: first packet after ${words(packet)}, known to all after ${words(joined)}`);
}

/** Deaths that were told of nodes that lived. */
function falsePositives({ protocol, killed }: Trial): number {
  const isTrue = (node: string, at: number) =>
    killed.some((kill) => kill.node === node && at - kill.at < LONGEST && at >= kill.at);
  return lab.hosts.flatMap((host) => protocol.deaths(host).filter(({ node, at }) => !isTrue(node, at))).length;
}

/** Waits until all have heard, and says how long the last took from `since` on; Infinity: one never did. */
async function whenAll(
  protocol: Protocol,
  hosts: readonly LabHost[],
  of: LabHost,
  what: 'joined' | 'failed',
  since: number,
): Promise<number> {
  for (const end = Date.now() + LONGEST; Date.now() < end; await delay(250)) {
    const times = hosts.map((host) => protocol.heard(host, of, what, since));
    if (times.every((time) => time !== undefined)) return Math.max(0, ...times.map((time) => (time ?? 0) - since));
  }
  return Number.POSITIVE_INFINITY;
}

/** From the start of the process to the first answer from its overlay address. */
async function firstPacket(from: LabHost, to: LabHost, startedAt: number): Promise<number> {
  const address = addresses.get(to);
  if (address === undefined) return Number.POSITIVE_INFINITY;
  for (const end = startedAt + LONGEST; Date.now() < end; ) {
    if ((await ping(lab, from, address)) !== undefined) return Date.now() - startedAt;
  }
  return Number.POSITIVE_INFINITY;
}

function podwireProtocol(): Protocol {
  const logs = new Map<LabHost, string[]>();
  const current = new Map<LabHost, RunningPodwire>();
  const entries = (host: LabHost) => [...(logs.get(host) ?? []), current.get(host)?.log() ?? ''].flatMap(parse);
  return {
    name: 'podwire',
    carries: true,
    async start(host) {
      const former = current.get(host);
      if (former) logs.set(host, [...(logs.get(host) ?? []), former.log()]);
      const startedAt = Date.now();
      const node = await lab.startPodwire(host, { config: gossipConfig(lab, host), timeoutMs: LONGEST });
      current.set(host, node);
      addresses.set(host, /podCidr=([\d.]+)/.exec(node.ready)?.[1] ?? '');
      return { startedAt, kill: () => void node.process.kill('SIGKILL') };
    },
    heard: (at, of, what, since) =>
      entries(at).find(({ kind, node, time }) => kind === what && node === of.name && time >= since)?.time,
    deaths: (at) => entries(at).flatMap(({ kind, node, time }) => (kind === 'failed' ? [{ node, at: time }] : [])),
  };

  function parse(log: string): { kind: string; node: string; time: number }[] {
    return log.split('\n').flatMap((line) => {
      if (!line.startsWith('{')) return [];
      try {
        const { kind, node, time } = JSON.parse(line) as Record<string, string>;
        return [{ kind, node, time: Date.parse(time) }];
      } catch {
        return []; // a line that is being written
      }
    });
  }
}

function serfProtocol(): Protocol {
  const directory = join(lab.directory, 'serf');
  mkdirSync(directory, { recursive: true });
  const file = (host: LabHost) => join(directory, host.name);
  const handler = join(directory, 'handler.sh');
  // Members come on standard input, a line each, their name first.
  writeFileSync(
    handler,
    `#!/bin/sh\nnow=$(date +%s%3N)\nwhile read -r node rest; do echo "$now $SERF_EVENT $node" >> "${directory}/$SERF_SELF_NAME"; done\n`,
    { mode: 0o755 },
  );
  const events = (host: LabHost) => {
    if (!existsSync(file(host))) return [];
    return readFileSync(file(host), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([time, event, node]) => ({ time: Number(time), event, node }));
  };
  return {
    name: 'serf',
    carries: false,
    async start(host) {
      const [first] = lab.hosts;
      const argv = ['serf', 'agent', `-node=${host.name}`, `-bind=${host.underlay}:7950`, '-profile=lan'];
      argv.push(`-rpc-addr=127.0.0.1:7373`, `-event-handler=${handler}`);
      // The first may not listen yet: an agent that only joins would end.
      if (host !== first) argv.push(`-retry-join=${first.underlay}:7950`, '-retry-interval=250ms');
      const startedAt = Date.now();
      const child = lab.spawn(host, argv, { stdio: 'ignore' });
      return { startedAt, kill: () => void child.kill('SIGKILL') };
    },
    heard: (at, of, what, since) =>
      events(at).find(
        ({ event, node, time }) =>
          event === (what === 'joined' ? 'member-join' : 'member-failed') && node === of.name && time >= since,
      )?.time,
    deaths: (at) =>
      events(at).flatMap(({ event, node, time }) => (event === 'member-failed' ? [{ node, at: time }] : [])),
  };
}

function report(trials: readonly Trial[]): void {
  const [{ joins, packets }] = trials;
  const falsely = trials.map((trial) => ({ name: trial.protocol.name, count: falsePositives(trial) }));
  console.log(`${machine()}; ${count} nodes, each on a host of its own; ${kills} kills\n`);
  const row = (name: string, times: readonly number[]) => [
    name,
    ...[median(times), quantile(times, 0.99), Math.min(...times), Math.max(...times)].map(words),
  ];
  const rows = [
    row('podwire: from the start of a process until all know it', joins),
    row('podwire: from the start of a process to the first packet across', packets),
    ...trials.flatMap(({ protocol: { name }, first, last }) => [
      row(`${name}: from kill -9 until the first knows`, first),
      row(`${name}: from kill -9 until all know`, last),
    ]),
  ];
  console.log(markdownTable(['', 'median', 'p99', 'least', 'most'], rows));
  for (const { name, count: deaths } of falsely) console.log(`\n${name}: ${deaths} deaths told of living nodes`);
  const results = {
    machine: machine(),
    nodes: count,
    kills,
    joins,
    packets,
    detections: Object.fromEntries(trials.map(({ protocol: { name }, first, last }) => [name, { first, last }])),
    falsePositives: falsely,
  };
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
}

function words(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(2)} s` : 'never';
}

function progress(line: string): void {
  console.error(line);
}
