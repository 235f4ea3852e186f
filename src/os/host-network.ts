/**
 * What a node makes in its kernel, and takes away again: addresses and routes around a TUN device that somebody else
 * opened and that vanishes when it is closed. So do the device's addresses, the routes to it and its settings (MTU, up,
 * sysctls); the `unreachable` routes alone would outlive a killed process.
 *
 * What will be made is written down first, in `stateDir/made`: the very lines that take it back. That file is all the
 * memory there is, so a process can take back what another one made.
 */
import { join } from 'node:path';
import type { DesiredHost } from '../control/desired-host.js';
import { conflicts, plan, type Step, undoAll, undoOf } from '../control/host-plan.js';
import { messageOf, PodwireError } from '../wire/error.js';
import { ipBatch, ipQuery } from './ip-batch.js';
import { deviceExists, observeHost } from './observe.js';
import { deleteFile, makeStateDir, readIfThere, writeDurably } from './state-dir.js';
import { setSysctls } from './sysctl.js';

export interface HostNetworkOptions {
  readonly stateDir: string;
  readonly device: string;
}

const HEADER = '# What podwire made on this machine. To take it back by hand: ip -force -batch THIS_FILE\n';

/** What a line of the journal may be: it is going to be run with privileges. */
const UNDO_LINE = /^(route|address) del [\w.:/ -]+$/;

/** `ip`'s words for "that is not there (any more)". */
const GONE =
  /^(No such process|No such device|Cannot find device|Cannot assign requested address|ipv[46]: address not found)/i;

export class HostNetwork {
  readonly #stateDir: string;
  readonly #device: string;
  readonly #journal: string;

  constructor(options: HostNetworkOptions) {
    this.#stateDir = options.stateDir;
    this.#device = options.device;
    this.#journal = join(options.stateDir, 'made');
  }

  /**
   * Takes back what a former self left; to be called before the device is opened.
   * @returns what was removed, in words
   * @throws PodwireError MACHINE: there is a device of our name, which nobody can have left; nothing was changed
   */
  async recover(): Promise<string[]> {
    if (await deviceExists(this.#device)) {
      throw new PodwireError(
        'MACHINE',
        `there is a device ${this.#device} already: another podwire runs ('podwire status'), or it is somebody else's ` +
          `(choose a name with --device); nothing was changed`,
      );
    }
    return this.#takeBack(await this.#readJournal());
  }

  /** Whether a former self has left something. */
  async hasLeft(): Promise<boolean> {
    return (await this.#readJournal()).length > 0;
  }

  /**
   * Makes the kernel what is desired, all or nothing; what is there already is left as it is. The device is open.
   * @throws PodwireError MACHINE: something stands in the way, or the kernel refused; everything is as it was
   */
  async apply(desired: DesiredHost): Promise<void> {
    const [actual, former] = await Promise.all([observeHost(desired), this.#readJournal()]);
    const obstacles = conflicts(desired, actual);
    if (obstacles.length > 0) throw new PodwireError('MACHINE', `${obstacles.join('; ')}; nothing was changed`);

    const undo = undoAll(desired);
    await this.#writeJournal([...undo, ...former.filter((line) => !undo.includes(line))]);
    const steps = plan(desired, actual);
    try {
      await setSysctls(desired.sysctls);
      await make(steps);
    } catch (error) {
      await this.#abandon(error, steps, former);
    }
  }

  /** Sets the length of the device's queues, if it is another: for a moment the kernel takes no packets meanwhile. */
  async setQueueLength(length: number): Promise<void> {
    const [[link] = []] = (await ipQuery([`link show dev ${this.#device}`])) as [{ txqlen?: number }[]?];
    if (link?.txqlen !== length) await ipBatch([`link set dev ${this.#device} txqueuelen ${length}`]);
  }

  /**
   * Removes exactly what was made. What is gone already is passed over; a second call does nothing.
   * @throws PodwireError MACHINE: some of it cannot be removed; the rest is, and the next call tries again
   */
  async remove(): Promise<void> {
    await this.#takeBack(await this.#readJournal());
  }

  /** Undoes a failed apply, and passes its error on. */
  async #abandon(error: unknown, steps: readonly Step[], former: readonly string[]): Promise<never> {
    const made = error instanceof BatchError ? steps.slice(0, error.done) : steps;
    const reason = messageOf(error);
    await this.#takeBack(undoOf(made), former).catch((second) => {
      throw new PodwireError('MACHINE', `${reason}; and then: ${second.message}`, { cause: error });
    });
    const state = made.length === 0 ? 'nothing was made' : 'what was made before it is taken back';
    throw new PodwireError('MACHINE', `${reason}; ${state}`, { cause: error });
  }

  /** Runs undo lines, as many as can be; the journal then holds what is left, and `keep`. Returns what was removed. */
  async #takeBack(lines: readonly string[], keep: readonly string[] = []): Promise<string[]> {
    const failures = await ipBatch(lines, { force: true });
    const stuck = lines.filter((_, index) => failures.has(index) && !GONE.test(failures.get(index) ?? ''));
    await this.#writeJournal([...stuck, ...keep]);
    if (stuck.length > 0) {
      const [reason] = [...failures.values()].filter((text) => !GONE.test(text));
      throw new PodwireError('MACHINE', `cannot remove (${reason}): ${stuck.map(inWords).join(', ')}`);
    }
    return lines.filter((_, index) => !failures.has(index)).map(inWords);
  }

  async #readJournal(): Promise<string[]> {
    const text = (await readIfThere(this.#journal)) ?? '';
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    if (!lines.every((line) => UNDO_LINE.test(line))) {
      throw new PodwireError(
        'MACHINE',
        `${this.#journal} is damaged: delete it, and by hand the routes it may have named ` +
          `('ip route show proto 84', 'ip -6 route show proto 84'); nothing was changed`,
      );
    }
    return lines;
  }

  async #writeJournal(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return deleteFile(this.#journal);
    await makeStateDir(this.#stateDir);
    await writeDurably(this.#journal, `${HEADER}${lines.join('\n')}\n`);
  }
}

/** A step was refused; `done` steps before it are made. */
class BatchError extends PodwireError {
  readonly done: number;

  constructor(done: number, message: string) {
    super('MACHINE', message);
    this.done = done;
  }
}

async function make(steps: readonly Step[]): Promise<void> {
  const failures = await ipBatch(steps.map((step) => step.line));
  for (const [index, reason] of failures) {
    const hint = reason.includes('not permitted') ? ' (run as root or with CAP_NET_ADMIN)' : '';
    throw new BatchError(index, `'ip ${steps[index]?.line}' failed: ${reason}${hint}`);
  }
}

/** `route del 10.0.0.0/8 …` is the removal of `route 10.0.0.0/8 …`. */
function inWords(undo: string): string {
  return undo.replace(' del ', ' ');
}
