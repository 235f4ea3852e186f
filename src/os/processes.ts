/** Other processes of this machine, by number: whether they live, and whether they are who they were. */
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Numbers are given out again: with the time of its start a process is itself. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since the machine was booted. */
  readonly started: number;
}

/** Of `statFields`. */
const THREADS = 17;
const STARTED = 19;
/** Between two looks whether a process has ended, ms. */
const LOOK = 5;

/**
 * The fields of `/proc/PID/stat` behind the name (which may hold anything, line breaks and brackets too): the state first,
 * which is the third of proc(5). Empty: there is no such process.
 */
export function statFields(pid: number | 'self'): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/**
 * @returns undefined: there is none; one that has ended and waits for its parent is none either. While threads of it still
 * end, what it has open is open: then it lives.
 */
export function processId(pid: number): ProcessId | undefined {
  const fields = statFields(pid);
  const [state] = fields;
  if (state === undefined || (/^[ZX]/.test(state) && Number(fields[THREADS]) <= 1)) return undefined;
  return { pid, started: Number(fields[STARTED]) };
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
