/**
 * What a lab leaves on the machine, and who takes it away: itself; else its process while exiting; else, after a
 * kill -9, the next lab's process, which knows it by the dead owner's number in the names.
 */
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listNamespaces, removeNamespaces } from './namespaces.js';

/** Names of living labs' parts begin with these. */
const living = new Set<string>();

/** Directory of the lab whose names begin with `prefix`. */
export function labDirectory(prefix: string): string {
  return join(tmpdir(), prefix);
}

/** The file in a lab's directory that says: keep, although the owner is gone. */
export const KEPT = 'kept';

/** From now on the lab is taken away when this process exits, whatever ends it (but SIGKILL). */
export function own(prefix: string): void {
  if (living.size === 0) {
    process.on('exit', removeAll);
    for (const signal of Object.keys(SIGNALS)) process.on(signal, exitBySignal);
  }
  living.add(prefix);
}

/** The lab is gone, or not this process's to take away any more. */
export function disown(prefix: string): void {
  living.delete(prefix);
  if (living.size > 0) return;
  process.off('exit', removeAll);
  for (const signal of Object.keys(SIGNALS)) process.off(signal, exitBySignal);
}

const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

function exitBySignal(signal: string): void {
  process.exit(128 + SIGNALS[signal]);
}

function removeAll(): void {
  for (const prefix of living) removeLab(prefix);
}

/** Takes away processes, namespaces and files of one lab, at once. */
export function removeLab(prefix: string): void {
  removeNamespaces(listNamespaces().filter((name) => name.startsWith(`${prefix}-`)));
  rmSync(labDirectory(prefix), { recursive: true, force: true });
}

/**
 * Takes away what labs of dead processes left behind, but for kept ones. A lab's directory is made first and goes last,
 * so directories of this user tell which labs there are. Returns what their names begin with.
 */
export function sweep(): string[] {
  const dead = readdirSync(tmpdir()).filter((name) => {
    const pid = /^podwire-[a-z0-9]+-(\d+)$/.exec(name)?.[1];
    return pid !== undefined && !living.has(name) && !isAlive(Number(pid)) && isOurs(name);
  });
  for (const prefix of dead) removeLab(prefix);
  return dead;
}

function isOurs(prefix: string): boolean {
  const directory = lstatSync(labDirectory(prefix), { throwIfNoEntry: false });
  return directory?.uid === process.getuid?.() && !existsSync(join(labDirectory(prefix), KEPT));
}

/** Is there a process of that number, other than this one? */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false; // a living lab of ours is in `living`
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
