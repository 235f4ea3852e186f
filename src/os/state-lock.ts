/**
 * One agent at a time works in a state directory: two would take back each other's routes and write over each other's
 * pods. The lock is the kernel's, on the directory itself, so it goes with whoever had it, whatever ended that.
 */
import { closeSync, openSync } from 'node:fs';
import { PodwireError } from '../wire/error.js';
import type { SystemCalls } from './system-calls.js';

export class StateLock {
  #fd: number | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws PodwireError RUNNING: another agent has it; MACHINE: there is no such directory. Nothing was changed. */
  static take(system: SystemCalls, stateDir: string): StateLock {
    const fd = opened(stateDir);
    if (system.lock(fd)) return new StateLock(fd);
    closeSync(fd);
    throw new PodwireError(
      'RUNNING',
      `a podwire runs already and keeps its state in ${stateDir}: nothing was changed; end it with podwire down, or choose another --state-dir, --socket and --device`,
    );
  }

  /** Another may have it. */
  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function opened(stateDir: string): number {
  try {
    return openSync(stateDir, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PodwireError('MACHINE', `cannot open ${stateDir} (${code}): choose another with --state-dir`);
  }
}
