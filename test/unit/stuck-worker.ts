/** A worker that ends inside a turn: told to, or only when it is ended from outside. */
import { parentPort, workerData } from 'node:worker_threads';
import { ForwardingReader } from '../../src/core/forwarding/forwarding-reader.js';
import type { WorkerStart } from '../../src/worker.js';

/** Workers of this number and above never end by themselves. */
export const ENDLESS = 1;

if (parentPort) {
  const { shared, worker } = workerData as WorkerStart;
  new ForwardingReader(shared.forwarding, worker).begin();
  parentPort.postMessage({ kind: 'ready' });
  if (worker < ENDLESS) {
    // The first counter serves as the bell.
    Atomics.wait(new Int32Array(shared.counters), 0, 0);
    process.exit();
  }
  for (;;);
}
