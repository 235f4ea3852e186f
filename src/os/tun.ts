/** One queue of a TUN device as a device edge: batches go straight between the arena and the kernel. */
import { type Batch, LENGTH, OFFSET, RECORD } from '../bytes/batch.js';
import type { DeviceCapabilities, DeviceEdge } from '../dataplane/edges.js';
import { PodwireError } from '../wire/error.js';
import type { Polled } from './poller.js';
import type { SystemCalls } from './system-calls.js';

export class TunQueue implements DeviceEdge, Polled {
  readonly fd: number;
  readable = true;
  readonly capabilities: DeviceCapabilities;
  readonly #system: SystemCalls;

  /** @param fd from `SystemCalls.tunOpen`; a worker leaves it open to its owner */
  constructor(system: SystemCalls, fd: number, capabilities: DeviceCapabilities) {
    this.#system = system;
    this.fd = fd;
    this.capabilities = capabilities;
  }

  read(batch: Batch, headroom: number): number {
    if (!this.readable) return 0;
    const { records, count } = batch;
    const packets = this.#readInto(batch, headroom);
    if (packets === 0) return 0;
    batch.count = count + packets;
    const last = (batch.count - 1) * RECORD;
    batch.cursor = (records[last + OFFSET] + records[last + LENGTH] + 3) & ~3;
    return packets;
  }

  #readInto({ bytes, cursor, end, records, count }: Batch, headroom: number): number {
    try {
      return this.#system.tunRead(this.fd, bytes, headroom, cursor, end, records, count);
    } catch (cause) {
      if (cause instanceof RangeError) throw cause;
      throw new PodwireError('EDGE_LOST', `the device is gone: ${(cause as Error).message}`, { cause });
    }
  }

  write(batch: Batch): number {
    const taken = this.#system.tunWrite(this.fd, batch.bytes, batch.records, batch.count);
    // The kernel often answers within the call, with an ACK or an echo: worth a look without another poll.
    if (taken > 0) this.readable = true;
    return taken;
  }

  /** Polled through `fd` (src/os/poller.ts). */
  onReadable(): void {}

  close(): void {
    this.#system.close(this.fd);
  }
}
