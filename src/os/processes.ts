/** Other processes of this machine, by number: whether they live, and whether they are who they were. */
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Numbers are given out again: with the time of its start a process is itself. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since the machine was booted. */
  readonly started: number;
}

/** Between two looks whether a process has ended, ms. */
const LOOK = 5;

/** @returns undefined: there is none; one that has ended and waits for its parent is none either */
export function processId(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: state is the third field, the start the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2)) ? undefined : { pid, started: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

export function isAlive({ pid, started }: ProcessId): boolean {
  return processId(pid)?.started === started;
}

/** Whether it has the network of this process. */
export function sharesNetwork({ pid }: ProcessId): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net');
  } catch {
    return false;
  }
}

/** Sends a signal if it lives, and waits until it does not. @returns false: it still does after `patienceMs` */
export async function endProcess(one: ProcessId, signal: NodeJS.Signals, patienceMs: number): Promise<boolean> {
  if (!isAlive(one)) return true;
  signalTo(one, signal);
  for (const end = performance.now() + patienceMs; isAlive(one); await delay(LOOK)) {
    if (performance.now() > end) return false;
  }
  return true;
}

function signalTo({ pid }: ProcessId, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
