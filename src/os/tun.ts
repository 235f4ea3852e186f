/** One queue of a TUN device as a device edge: batches go straight between the arena and the kernel. */
import { type Batch, LENGTH, OFFSET, RECORD } from '../bytes/batch.js';
import type { DeviceCapabilities, DeviceEdge } from '../dataplane/edges.js';
import { PodwireError } from '../wire/error.js';
import type { Addon } from './addon.js';

export class TunQueue implements DeviceEdge {
  readonly fd: number;
  readonly capabilities: DeviceCapabilities;
  readonly #addon: Addon;

  /** @param fd from `Addon.tunOpen`; this object closes it */
  constructor(addon: Addon, fd: number, capabilities: DeviceCapabilities) {
    this.#addon = addon;
    this.fd = fd;
    this.capabilities = capabilities;
  }

  read(batch: Batch, headroom: number): number {
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
      return this.#addon.tunRead(this.fd, bytes, headroom, cursor, end, records, count);
    } catch (cause) {
      if (cause instanceof RangeError) throw cause;
      throw new PodwireError('EDGE_LOST', `the device is gone: ${(cause as Error).message}`, { cause });
    }
  }

  write(batch: Batch): number {
    return this.#addon.tunWrite(this.fd, batch.bytes, batch.records, batch.count);
  }

  /** Polled through `fd` (src/os/poller.ts). */
  onReadable(): void {}

  close(): void {
    this.#addon.close(this.fd);
  }
}
