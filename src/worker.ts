/**
 * A worker thread: one queue of the device, its own sockets, one poll loop and no event loop. Its descriptors were
 * opened by the main thread; what the two share is memory (src/dataplane/overlay.ts) and a waker.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { DeviceCapabilities } from './dataplane/edges.js';
import { pathContext, type SharedState } from './dataplane/overlay.js';
import { Pipeline } from './dataplane/pipeline.js';
import { DualUnderlay } from './os/dual-underlay.js';
import { loadNative } from './os/native.js';
import { Poller } from './os/poller.js';
import { dropPrivileges } from './os/privileges.js';
import { TunQueue } from './os/tun.js';
import { type UdpSockets, UdpUnderlay } from './os/udp.js';
import type { Family } from './wire/address.js';

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

/** What a worker says: first `ready`, then path probes as they come (`PathContext.onProbe`). It ends after `lost`. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'probe'; readonly peer: number; readonly bytes: Uint8Array; readonly family: Family }
  | { readonly kind: 'lost'; readonly message: string };

function run(start: WorkerStart, say: (message: WorkerMessage) => void): void {
  const { system, bytes } = loadNative();
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
  const stop = new Int32Array(start.stop);

  say({ kind: 'ready' });
  try {
    while (Atomics.load(stop, 0) === 0) {
      pipeline.rest();
      poller.wait(-1);
      pipeline.turn();
    }
  } catch (error) {
    say({ kind: 'lost', message: error instanceof Error ? error.message : String(error) });
  } finally {
    pipeline.rest();
  }
}

if (parentPort) {
  const port = parentPort;
  run(workerData as WorkerStart, (message) => port.postMessage(message));
}
