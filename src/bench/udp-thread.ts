/** A thread for datagrams (udp-worker.ts), as its starter sees it. */
import { Worker } from 'node:worker_threads';
import { PodwireError } from '../wire/error.js';
import { PROGRESS, SHARED_WORDS, STOP, type UdpReport } from './udp-work.js';
import type { UdpMessage, UdpStart } from './udp-worker.js';

const PROGRAM = new URL('./udp-worker.js', import.meta.url);

export class UdpThread {
  readonly #worker: Worker;
  readonly #shared: Int32Array;
  /** What came of the work. Rejects with PodwireError MACHINE. */
  readonly report: Promise<UdpReport>;
  /** The port of its socket, as soon as it has one. Rejects likewise. */
  readonly port: Promise<number>;

  constructor(start: Omit<UdpStart, 'shared'>) {
    this.#shared = new Int32Array(new SharedArrayBuffer(SHARED_WORDS * Int32Array.BYTES_PER_ELEMENT));
    this.#worker = new Worker(PROGRAM, { workerData: { ...start, shared: this.#shared } satisfies UdpStart });
    this.port = this.#told((message) => (message.kind === 'open' ? message.port : undefined));
    this.report = this.#told((message) => (message.kind === 'report' ? message.report : undefined));
    // Who waits for the one sees a failure; it must not count as unseen in the other.
    this.port.catch(() => {});
    this.report.catch(() => {});
  }

  /** Datagrams so far. */
  get progress(): number {
    return Atomics.load(this.#shared, PROGRESS) >>> 0;
  }

  /** Has it come to its report within some milliseconds. */
  stop(): Promise<UdpReport> {
    Atomics.store(this.#shared, STOP, 1);
    return this.report;
  }

  /** Settled by the event itself: the thread's end may follow its last message at once. */
  #told<T>(pick: (message: UdpMessage) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#worker.on('message', (message: UdpMessage) => {
        const found = pick(message);
        if (found !== undefined) resolve(found);
      });
      this.#worker.once('error', (error) => reject(new PodwireError('MACHINE', `no UDP here: ${error.message}`)));
      this.#worker.once('exit', () => reject(new PodwireError('INTERNAL', 'a thread ended without a report')));
    });
  }
}
