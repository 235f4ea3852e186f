/** The real command, run at a place of a lab. */
import { fileURLToPath } from 'node:url';
import type { CounterReading, PeerStatus } from '../../src/control/node-api.js';
import type { Lab } from '../../src/lab/lab.js';
import type { Place } from '../../src/lab/plan.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import type { RunResult } from '../../src/lab/run.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export function podwire(lab: Lab, where: Place, ...args: string[]): Promise<RunResult> {
  return lab.exec(where, [process.execPath, CLI, ...args], { timeoutMs: 20_000 });
}

/** What a client command of a running node prints with `--json`. */
export async function ask<T>(lab: Lab, node: RunningPodwire, command: string): Promise<T> {
  const { code, stdout, stderr } = await podwire(
    lab,
    node.host,
    ...command.split(' '),
    '--json',
    '--socket',
    node.socket,
  );
  if (code !== 0) throw new Error(`podwire ${command}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

export function counters(lab: Lab, node: RunningPodwire): Promise<CounterReading> {
  return ask<CounterReading>(lab, node, 'counters');
}

export function peers(lab: Lab, node: RunningPodwire): Promise<PeerStatus[]> {
  return ask<PeerStatus[]>(lab, node, 'peers');
}

/** Everything of a place's kernel that podwire touches, as text. */
export async function kernelState(lab: Lab, where: Place): Promise<string> {
  const lines = [
    ['ip', '-o', 'link', 'show', 'type', 'tun'],
    ['ip', '-o', 'addr', 'show'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', 'rule'],
    ['nft', 'list', 'ruleset'],
  ];
  const texts = await Promise.all(
    lines.map(async (line) => (await lab.exec(where, line).catch(() => undefined))?.stdout),
  );
  // Link-local addresses come when the kernel is done with looking for duplicates, of links that were there before.
  return texts
    .join('\n')
    .split('\n')
    .filter((line) => !/fe80:|ff00:/.test(line))
    .join('\n');
}
