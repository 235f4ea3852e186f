/** podwire on a lab's host: its configuration, its start up to the `ready` line, its stop. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { KEY_BYTES } from '../core/keyring.js';
import { PodwireError } from '../wire/error.js';
import { CLUSTER_CIDR, type LabHost, type Place } from './plan.js';
import type { SpawnOptions } from './run.js';

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** What is needed of a lab. */
export interface Site {
  readonly hosts: readonly LabHost[];
  readonly directory: string;
  spawn(where: Place, argv: readonly string[], options: SpawnOptions): ChildProcess;
}

export interface PodwireOptions {
  /** In addition to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Laid over the host's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What is started with `up --config FILE`; this package's own command if not given. */
  readonly command?: readonly string[];
  /** Further words behind `up --config FILE`. */
  readonly args?: readonly string[];
  /** How long it may take to get ready, milliseconds; 10,000 if not given. */
  readonly timeoutMs?: number;
}

export interface RunningPodwire {
  readonly host: LabHost;
  readonly process: ChildProcess;
  /** Milliseconds from the start of the process to the `ready` line. */
  readonly readyMs: number;
  /** The `ready` line. */
  readonly ready: string;
  readonly configFile: string;
  /** Path of its local API's socket. */
  readonly socket: string;
  /** What it has written to standard error so far. */
  log(): string;
  /** Ends it with SIGTERM, if it still runs. After 5 s it is killed, and `code` is null. */
  stop(): Promise<{ readonly code: number | null; readonly ms: number }>;
}

export function nodeConfig(lab: Site, host: LabHost): Record<string, unknown> {
  const facts = ({ name, uplinks, podCidr }: LabHost) => ({
    node: name,
    underlay: uplinks.map(({ underlay }) => underlay),
    podCidr,
  });
  return {
    ...facts(host),
    clusterCidr: CLUSTER_CIDR,
    peers: lab.hosts.filter((other) => other !== host).map(facts),
    socket: join(lab.directory, host.name, 'podwire.sock'),
    stateDir: join(lab.directory, host.name, 'state'),
  };
}

/**
 * Laid over `nodeConfig`: the node knows no peer, joins by gossip under one key, and claims its subnet. The first host
 * founds the cluster.
 */
export function gossipConfig(lab: Site, host: LabHost): Record<string, unknown> {
  const keyFile = join(lab.directory, 'key');
  if (!existsSync(keyFile)) writeFileSync(keyFile, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600 });
  const [first] = lab.hosts;
  return {
    peers: [],
    podCidr: undefined,
    join: host === first ? [] : first.uplinks.map(({ underlay }) => underlay),
    gossip: { keyFile },
  };
}

export async function startPodwire(lab: Site, host: LabHost, options: PodwireOptions = {}): Promise<RunningPodwire> {
  const { env, config: changes, command = [process.execPath, CLI], args = [], timeoutMs = 10_000 } = options;
  const config = { ...nodeConfig(lab, host), ...changes };
  const configFile = join(lab.directory, `${host.name}.json`);
  const logFile = join(lab.directory, `${host.name}.log`);
  mkdirSync(join(lab.directory, host.name), { recursive: true, mode: 0o700 });
  writeFileSync(configFile, JSON.stringify(config, null, 2));

  // Its log is a file, not a pipe: it must not fail when a kept lab outlives the process that made it.
  writeFileSync(logFile, '', { mode: 0o600 });
  // One that it takes over from may still write there.
  const logFd = openSync(logFile, 'a');
  const started = performance.now();
  const child = lab.spawn(host, [...command, 'up', '--config', configFile, ...args], {
    stdio: ['ignore', 'ignore', logFd],
    ...(env && { env }),
  });
  closeSync(logFd);
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const log = () => readFileSync(logFile, 'utf8');

  const ready = await untilReady(child, log, started + timeoutMs);
  if (ready === undefined) {
    const why = child.exitCode === null ? `not ready after ${timeoutMs} ms` : `ended with code ${child.exitCode}`;
    child.kill('SIGKILL');
    await exited;
    throw new PodwireError('MACHINE', `podwire on ${host.name}: ${why}. Its log:\n${log().trimEnd() || '(empty)'}`);
  }
  const readyMs = performance.now() - started;

  const stop = async () => {
    const before = performance.now();
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    const code = await exited;
    clearTimeout(timer);
    return { code, ms: performance.now() - before };
  };
  return { host, process: child, readyMs, ready, configFile, socket: String(config['socket']), log, stop };
}

/** The `ready` line, or undefined if the process ends or the time is over. */
async function untilReady(child: ChildProcess, log: () => string, deadline: number): Promise<string | undefined> {
  for (;;) {
    const over = child.exitCode !== null || child.signalCode !== null || performance.now() > deadline;
    const line = /^ready\b.*$/m.exec(log())?.[0];
    if (line !== undefined || over) return line;
    await delay(5);
  }
}
