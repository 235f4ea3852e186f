/** The worker threads of a node: started together, stopped together. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ForwardingReader } from './core/forwarding/forwarding-reader.js';
import type { DeviceCapabilities } from './dataplane/edges.js';
import type { SharedState } from './dataplane/overlay.js';
import type { SystemCalls } from './os/system-calls.js';
import type { UdpSockets } from './os/udp.js';
import type { Family } from './wire/address.js';
import { PodwireError } from './wire/error.js';
import type { WorkerMessage, WorkerStart } from './worker.js';

/** A worker that does not end by itself this long after it was told, ms, is ended. */
const STOP_WAIT = 500;

export interface WorkerPoolOptions {
  readonly system: SystemCalls;
  readonly shared: SharedState;
  readonly queues: readonly number[];
  readonly capabilities: DeviceCapabilities;
  /** Of each worker: one set; or two, of IPv4 and then of IPv6. */
  readonly sockets: readonly (readonly UdpSockets[])[];
  /** A worker ended by itself: its edge is gone, or it has a fault. Called once for each. */
  readonly onLost: (error: PodwireError) => void;
  /**
   * A path probe came from this peer's underlay address; unverified.
   * @param peer its index in the forwarding table (`Overlay.peerAt`)
   * @param bytes from the Ethernet header on
   * @param family that it came over
   */
  readonly onProbe?: (peer: number, bytes: Uint8Array, family: Family) => void;
  /** A worker's sockets have been told something (`ErrorQueues`), or it has lowered a path's MTU. */
  readonly onErrors?: () => void;
  /** What a thread runs; src/worker.ts if not given. */
  readonly program?: URL;
}

const PROGRAM = new URL('./worker.js', import.meta.url);
/** Of a worker's heap, MiB, of which V8 gives a third to new objects: it makes none for a packet. */
const YOUNG_GENERATION = 3;

export class WorkerPool {
  readonly #system: SystemCalls;
  readonly #stop = new SharedArrayBuffer(4);
  readonly #wakers: number[] = [];
  readonly #workers: Worker[] = [];
  #stopping = false;

  private constructor(system: SystemCalls) {
    this.#system = system;
  }

  /** Resolves when every worker is about to take its first turn. */
  static async start(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options.system);
    try {
      await Promise.all(options.queues.map((_, worker) => pool.#startWorker(worker, options)));
      return pool;
    } catch (error) {
      await pool.stop();
      throw error;
    }
  }

  async #startWorker(index: number, options: WorkerPoolOptions): Promise<void> {
    const waker = this.#system.wakerOpen();
    this.#wakers.push(waker);
    const start: WorkerStart = {
      worker: index,
      shared: options.shared,
      queue: options.queues[index],
      capabilities: options.capabilities,
      sockets: options.sockets[index],
      waker,
      stop: this.#stop,
    };
    const worker = new Worker(options.program ?? PROGRAM, {
      workerData: start,
      name: `podwire-${index}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
    });
    this.#workers.push(worker);
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'probe') options.onProbe?.(message.peer, message.bytes, message.family);
      else if (message.kind === 'errors') options.onErrors?.();
    });
    const gone = whenGone(worker, index).then((reason) => {
      // It reads nothing more, wherever in a turn it was cut off: no change of the table waits for it.
      new ForwardingReader(options.shared.forwarding, index).rest();
      return reason;
    });
    const ready = new Promise((resolve) => worker.once('message', resolve));
    await Promise.race([ready, gone.then((reason) => Promise.reject(reason))]);
    gone.then((reason) => {
      if (!this.#stopping) options.onLost(reason);
    });
  }

  /** Ends the threads and closes their wakers. Descriptors of queues and sockets stay open: their owner closes them. */
  async stop(): Promise<void> {
    this.#stopping = true;
    Atomics.store(new Int32Array(this.#stop), 0, 1);
    for (const waker of this.#wakers) this.#system.wakerRing(waker);
    await Promise.all(this.#workers.map(ended));
    for (const waker of this.#wakers.splice(0)) this.#system.close(waker);
    this.#workers.length = 0;
  }
}

/** Resolves when the thread has ended, whatever ended it, with the reason. */
function whenGone(worker: Worker, index: number): Promise<PodwireError> {
  return new Promise((resolve) => {
    let reason = 'it ended';
    let cause: unknown;
    worker.on('error', (error) => {
      reason = error.message;
      cause = error;
    });
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'lost') reason = message.message;
    });
    worker.once('exit', () => resolve(new PodwireError('EDGE_LOST', `worker ${index}: ${reason}`, { cause })));
  });
}

async function ended(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return;
  const exit = once(worker, 'exit').catch(() => undefined);
  const timer = setTimeout(() => worker.terminate(), STOP_WAIT);
  await exit;
  clearTimeout(timer);
}
