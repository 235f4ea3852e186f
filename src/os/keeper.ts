/**
 * Keeps a node's queues and sockets over its process. Beside each agent waits a small process that does nothing but hold
 * copies of the descriptors: when the agent ends, whatever ended it, the device keeps its carrier, its addresses and
 * routes, and packets wait in its queue and in the sockets until the next agent has made copies for itself. If none comes,
 * the keeper ends, and the device with it.
 *
 * Who keeps, and what, stands in the file `kept` of the state directory.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TX_QUEUE_LENGTH } from '../control/desired-host.js';
import type { OffloadResult } from '../control/offload-report.js';
import { messageOf, PodwireError } from '../wire/error.js';
import { endProcess, isAlive, type ProcessId, processId, sharesNetwork } from './processes.js';
import { environmentOf } from './run.js';
import { deleteFile, readIfThere, writeDurably } from './state-dir.js';
import type { SystemCalls } from './system-calls.js';

/** How long the device waits for another agent, s. */
export const KEEP_FOR = 60;
/** Packets that may wait meanwhile in a queue of the device, and in all; a superpacket is one, and may have 64 KiB. */
const WAITING = 2_000;
const ALL_WAITING = 4_000;

/**
 * It sleeps in `read` until the agent is gone, and with it the other end of the pipe. `$0` is the device. An agent that is gone
 * before it has said that the file is written leaves a keeper that nobody would find: that ends at once.
 */
const SCRIPT = `read -r _ || exit 0; read -r _; ip link set dev "$0" txqueuelen "$1"; exec sleep ${KEEP_FOR}`;
/** The first descriptor behind those that every program has. */
const FIRST = 3;
/** Tells an agent that its successor carries: it ends, and leaves all. SIGTERM ends both. */
export const GIVE_WAY: NodeJS.Signals = 'SIGUSR2';
/** How long processes may take to end, ms. */
const END_WAIT = 3_000;

/** What a carrier hands to the next. */
export interface Handed {
  /** What it was made from: one that is made from anything else begins anew. */
  readonly shape: string;
  readonly offloads: readonly OffloadResult[];
  /** Descriptors of the device, one a worker. */
  readonly queues: readonly number[];
  /** Descriptors that receive: of each worker one on each underlay address. */
  readonly sockets: readonly number[];
}

/** The file. */
interface Note {
  readonly keeper: ProcessId;
  readonly agent: ProcessId;
  readonly shape: string;
  readonly offloads: readonly OffloadResult[];
  readonly queues: number;
  readonly sockets: number;
}

export interface KeeperOptions {
  readonly system: SystemCalls;
  readonly stateDir: string;
  readonly device: string;
  /** The agent that still runs is to hand over to this one. */
  readonly takesOver: boolean;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #file: string;
  #works = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#file = noteFile(options.stateDir);
  }

  /** Whether what is open would outlive this process. */
  get works(): boolean {
    return this.#works;
  }

  /** Whether something is kept for this agent. */
  async keeps(): Promise<boolean> {
    return (await this.#note()) !== undefined;
  }

  /** The agent that made what is kept, if it still runs. */
  async former(): Promise<ProcessId | undefined> {
    const agent = (await this.#note())?.agent;
    return agent && agent.pid !== process.pid && isAlive(agent) ? agent : undefined;
  }

  /**
   * Copies of what is kept, if it was made from the same; anything else is let go, and is gone then.
   * @throws PodwireError MACHINE: what is kept cannot be let go
   */
  async take(shape: string): Promise<Handed | undefined> {
    const note = await this.#note();
    if (note?.shape !== shape) {
      await this.end();
      return undefined;
    }
    const { system, device } = this.#options;
    const copies: number[] = [];
    try {
      for (let i = 0; i < note.queues + note.sockets; i++) {
        copies.push(system.descriptorOf(note.keeper.pid, FIRST + i));
        if (i < note.queues && !isQueueOf(device, copies[i])) throw new Error(`it holds no queue of ${device}`);
      }
    } catch {
      for (const fd of copies) system.close(fd);
      await this.end();
      return undefined;
    }
    const { offloads } = note;
    return { shape, offloads, queues: copies.slice(0, note.queues), sockets: copies.slice(note.queues) };
  }

  /**
   * From now on these are kept, in the place of any before.
   * @returns why they cannot be, in words; undefined: they are
   */
  async keep({ shape, offloads, queues, sockets }: Handed): Promise<string | undefined> {
    const { system, device } = this.#options;
    const before = readNote((await readIfThere(this.#file)) ?? '');
    const child = spawn('sh', ['-c', SCRIPT, device, String(waitingPackets(queues.length))], {
      argv0: 'podwire-keeper',
      stdio: ['pipe', 'ignore', 'ignore', ...queues, ...sockets],
      detached: true,
      cwd: '/',
      env: environmentOf(),
    });
    const failed = new Promise<Error>((resolve) => child.once('error', resolve));
    // It ends with our end of its pipe, and keeps nobody.
    child.unref();
    child.stdin?.on('error', () => {});
    (child.stdin as { unref?: () => void } | null)?.unref?.();
    const keeper = child.pid === undefined ? undefined : processId(child.pid);
    const agent = processId(process.pid);
    if (!keeper || !agent) return `no process can be started to hold them (${(await failed).message})`;
    const why = triedOut(system, keeper.pid);
    if (why !== undefined) {
      await endProcess(keeper, 'SIGKILL', END_WAIT);
      return why;
    }
    const note: Note = { keeper, agent, shape, offloads, queues: queues.length, sockets: sockets.length };
    try {
      await writeDurably(this.#file, `${JSON.stringify(note)}\n`);
    } catch (error) {
      await endProcess(keeper, 'SIGKILL', END_WAIT);
      return messageOf(error);
    }
    child.stdin?.write('written\n');
    this.#works = true;
    if (before && isAlive(before.keeper)) await endProcess(before.keeper, 'SIGKILL', END_WAIT);
    return undefined;
  }

  /**
   * Nothing is kept any more: whoever holds descriptors for this node, but this process, ends.
   * @throws PodwireError MACHINE: a process does not end
   */
  async end(): Promise<void> {
    this.#works = false;
    const note = readNote((await readIfThere(this.#file)) ?? '');
    if (!note) return deleteFile(this.#file);
    const former = note.agent.pid === process.pid ? [] : [note.agent];
    if (!this.#options.takesOver && former.some(isAlive)) return;
    for (const one of former) await ended(one, GIVE_WAY);
    await ended(note.keeper, 'SIGKILL');
    await deleteFile(this.#file);
  }

  /** Of a keeper that lives, for an agent that does not, or hands over. */
  async #note(): Promise<Note | undefined> {
    const note = readNote((await readIfThere(this.#file)) ?? '');
    if (!note || !holds(note)) return undefined;
    const free = this.#options.takesOver || note.agent.pid === process.pid || !isAlive(note.agent);
    return free ? note : undefined;
  }
}

/** Whether a device and ports are kept for the next agent of this state directory. */
export async function isKept(stateDir: string): Promise<boolean> {
  const note = readNote((await readIfThere(noteFile(stateDir))) ?? '');
  return note !== undefined && holds(note) && !isAlive(note.agent);
}

/**
 * Ends the keeper of an agent that has ended, and nothing is kept any more.
 * @returns whether something was
 * @throws PodwireError MACHINE: it does not end
 */
export async function endKept(stateDir: string): Promise<boolean> {
  const note = readNote((await readIfThere(noteFile(stateDir))) ?? '');
  if (!note || !holds(note) || isAlive(note.agent)) return false;
  await ended(note.keeper, 'SIGKILL');
  await deleteFile(noteFile(stateDir));
  return true;
}

function noteFile(stateDir: string): string {
  return join(stateDir, 'kept');
}

function holds({ keeper }: Note): boolean {
  return isAlive(keeper) && sharesNetwork(keeper);
}

async function ended(one: ProcessId, signal: NodeJS.Signals): Promise<void> {
  if (await endProcess(one, signal, END_WAIT)) return;
  throw new PodwireError(
    'MACHINE',
    `process ${one.pid} holds the device for an earlier podwire and does not end: kill it, and try again`,
  );
}

/** Of each of so many queues; never fewer than wait in it while an agent runs. */
function waitingPackets(queues: number): number {
  return Math.max(TX_QUEUE_LENGTH, Math.min(WAITING, Math.floor(ALL_WAITING / queues)));
}

/** Whether another agent will be able to take them, as far as this one can tell. */
function triedOut(system: SystemCalls, keeper: number): string | undefined {
  try {
    system.close(system.descriptorOf(keeper, FIRST));
    return undefined;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOSYS' ? 'it came with Linux 5.6' : `is it forbidden by seccomp or Yama?`;
    return `descriptors of another process cannot be copied here (${syscall}: ${code}; ${reason})`;
  }
}

/** The kernel tells of a queue whose it is. */
function isQueueOf(device: string, fd: number): boolean {
  return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').includes(`\niff:\t${device}\n`);
}

/** What is damaged is none: its keeper ends by itself. */
function readNote(text: string): Note | undefined {
  try {
    const note = JSON.parse(text) as Partial<Note> | null;
    const { keeper, agent, shape, offloads, queues, sockets } = note ?? {};
    const isProcess = (one: ProcessId | undefined) => Number.isInteger(one?.pid) && Number.isInteger(one?.started);
    const isCount = (count: number | undefined) => Number.isInteger(count) && (count ?? 0) > 0;
    if (!isProcess(keeper) || !isProcess(agent) || typeof shape !== 'string' || !Array.isArray(offloads))
      return undefined;
    return isCount(queues) && isCount(sockets) ? (note as Note) : undefined;
  } catch {
    return undefined; // empty, or not JSON
  }
}
