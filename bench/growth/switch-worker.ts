/** A thread that carries packets to all targets of a population until it is terminated; a reader of its table. */
import { parentPort, workerData } from 'node:worker_threads';
import { pathContext, type SharedState } from '../../src/dataplane/overlay.js';
import { Pipeline } from '../../src/dataplane/pipeline.js';
import { byteWork } from '../../src/os/native.js';
import { sequence } from './lookups.js';
import type { Size } from './population.js';
import { ScatterDevice, ScatterUnderlay } from './scatter.js';
import { outward } from './templates.js';

const { shared, size } = workerData as { shared: SharedState; size: Size };
const device = new ScatterDevice(size);
const targets = size.peers * size.perFamily;
device.hand({ ...outward(4, 64), family: 4, count: 32, targets: sequence(targets, targets) });
const pipeline = new Pipeline(
  device,
  new ScatterUnderlay(size),
  pathContext(shared, 0, byteWork(), () => 0),
);
parentPort?.postMessage('ready');
for (;;) pipeline.turn();
