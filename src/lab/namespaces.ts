/** Network namespaces by name: made, entered, listed, emptied of processes and deleted. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { environment, mustRun } from './run.js';

const DIRECTORY = '/run/netns';

/** What a test runner has Node load must not follow into the hosts: there, programs run as from a shell. */
const CLEAN = ['env', '-u', 'NODE_OPTIONS'];

/** The command that runs `argv` in a namespace. Unlike `ip netns exec` it leaves /sys and the mounts alone. */
export function enter(namespace: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=${DIRECTORY}/${namespace}`, ...CLEAN, ...argv];
}

export async function addNamespaces(names: readonly string[]): Promise<void> {
  await mustRun(['ip', '-batch', '-'], { input: lines(names.map((name) => `netns add ${name}`)) });
}

/** Runs many `ip` commands in one process. @param options such as `-n NAMESPACE` and `-6` */
export async function ipBatch(commands: readonly string[], ...options: string[]): Promise<void> {
  await mustRun(['ip', ...options, '-batch', '-'], { input: lines(commands) });
}

/** Writes kernel settings below /proc/sys/net, as one namespace sees them. */
export async function configure(namespace: string, settings: readonly (readonly [string, string])[]): Promise<void> {
  const script = settings.map(([path, value]) => `echo ${value} > /proc/sys/net/${path}`);
  await mustRun(enter(namespace, ['sh', '-e']), { input: lines(script) });
}

/** Names of the existing namespaces. */
export function listNamespaces(): string[] {
  try {
    return readdirSync(DIRECTORY);
  } catch {
    return []; // made with the first namespace
  }
}

/** Ids of the processes that live in any of these namespaces. */
export function processesIn(names: readonly string[]): number[] {
  const inodes = new Set(
    names.flatMap((name) => statSync(`${DIRECTORY}/${name}`, { throwIfNoEntry: false })?.ino ?? []),
  );
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && inodes.has(Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]));
      } catch {
        return false; // ended meanwhile, or another user's
      }
    });
}

/** Kills whatever lives in the namespaces and deletes them. At once, so that it can be done while exiting; never throws. */
export function removeNamespaces(names: readonly string[]): void {
  if (names.length === 0) return;
  for (const pid of processesIn(names)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }
  spawnSync('ip', ['-force', '-batch', '-'], {
    input: lines(names.map((name) => `netns delete ${name}`)),
    env: environment(),
  });
}

function lines(list: readonly string[]): string {
  return `${list.join('\n')}\n`;
}
