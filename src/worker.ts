/**
 * A worker thread: one queue of the device, its own sockets, one poll loop and no event loop. Its descriptors were
 * opened by the main thread; what the two share is memory (src/dataplane/overlay.ts) and a waker.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Batch } from './bytes/batch.js';
import { C } from './core/counters.js';
import type { DeviceCapabilities } from './dataplane/edges.js';
import { pathContext, type SharedState } from './dataplane/overlay.js';
import { Pipeline } from './dataplane/pipeline.js';
import { DualUnderlay } from './os/dual-underlay.js';
import { ErrorQueues } from './os/error-queue.js';
import { ErrorWatch } from './os/error-watch.js';
import { loadNative } from './os/native.js';
import { Poller } from './os/poller.js';
import { dropPrivileges } from './os/privileges.js';
import { TunQueue } from './os/tun.js';
import { type UdpSockets, UdpUnderlay } from './os/udp.js';
import { WarmUp } from './os/warm-up.js';
import type { Family } from './wire/address.js';
import { messageOf } from './wire/error.js';

/** The code is warmed up this long after a worker's start, ms: a node that starts has others to keep from waiting. */
const WARM_UP_AFTER = 200;
const EMPTY = Batch.allocate(0, 0);

export interface WorkerStart {
  readonly worker: number;
  readonly shared: SharedState;
  readonly queue: number;
  readonly capabilities: DeviceCapabilities;
  /** One set; or two, of IPv4 and then of IPv6. */
  readonly sockets: readonly UdpSockets[];
  readonly waker: number;
  /** One word; anything but 0 ends the loop once the waker rings. */
  readonly stop: SharedArrayBuffer;
}

/**
 * What a worker says: first `ready`, then path probes as they come (`PathContext.onProbe`), and that its sockets' error
 * queues are worth reading. It ends after `lost`.
 */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'probe'; readonly peer: number; readonly bytes: Uint8Array; readonly family: Family }
  | { readonly kind: 'errors' }
  | { readonly kind: 'lost'; readonly message: string };

async function run(start: WorkerStart, say: (message: WorkerMessage) => void): Promise<void> {
  const { kind, system, bytes } = loadNative();
  dropPrivileges(system);
  const device = new TunQueue(system, start.queue, start.capabilities);
  const underlays = start.sockets.map((sockets) => new UdpUnderlay(system, sockets));
  const [underlay, other] = underlays;
  const onProbe = (peer: number, probe: Uint8Array, family: Family) =>
    say({ kind: 'probe', peer, bytes: probe, family });
  const context = pathContext(start.shared, start.worker, bytes, () => performance.now(), onProbe);
  const network = other ? new DualUnderlay(underlay, other) : underlay;
  const pipeline = new Pipeline(device, network, context);
  const poller = new Poller(system, start.waker, [device, ...underlays]);
  const queues = new ErrorQueues(
    system,
    start.sockets.flatMap(({ egress }) => [...egress]),
  );
  const errors = new ErrorWatch(
    () => queues.waiting(),
    () => say({ kind: 'errors' }),
  );
  const { counters, pathMtus } = context;
  const stop = new Int32Array(start.stop);
  // Not for koffi's calls, which would leave megabytes behind and are slow in any case.
  let warmUp = kind === 'off' ? undefined : await WarmUp.create(system, bytes, start.capabilities);
  const warmAt = performance.now() + WARM_UP_AFTER;
  let sleep = -1;

  say({ kind: 'ready' });
  try {
    while (Atomics.load(stop, 0) === 0) {
      pipeline.rest();
      poller.wait(warmUp ? WARM_UP_AFTER : sleep);
      pipeline.turn();
      const now = performance.now();
      errors.turn(now, counters[C.tx_frames], pathMtus.lowered);
      sleep = errors.sleep(now);
      if (!warmUp || now < warmAt) continue;
      // Traffic does not wait for it: after each of its turns the edges are asked.
      for (let more = true; more && Atomics.load(stop, 0) === 0; ) {
        more = warmUp.turn();
        askAll(device, underlays);
        pipeline.turn();
      }
      warmUp = undefined;
    }
  } catch (error) {
    say({ kind: 'lost', message: messageOf(error) });
  } finally {
    pipeline.rest();
  }
}

/** The next turn asks every edge; and of calls that change nothing V8 learns the real targets before it compiles. */
function askAll(device: TunQueue, underlays: readonly UdpUnderlay[]): void {
  device.readable = true;
  device.write(EMPTY);
  for (const underlay of underlays) {
    underlay.readable = true;
    underlay.send(EMPTY);
  }
}

if (parentPort) {
  const port = parentPort;
  run(workerData as WorkerStart, (message) => port.postMessage(message));
}
