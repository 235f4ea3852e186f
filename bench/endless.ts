/** Edges that always have the same packets ready and take everything: what is between them is measured, and no more. */
import { ADDRESS, type Batch, RECORD, STATUS, VIRTIO_HEADER } from '../src/bytes/batch.js';
import type { DeviceCapabilities, DeviceEdge, UnderlayEdge } from '../src/dataplane/edges.js';
import type { Peer } from '../src/dataplane/peers.js';

export class EndlessDevice implements DeviceEdge {
  readonly capabilities: DeviceCapabilities = { checksum: true, tcpSegmentation: true, udpSegmentation: true };
  readonly #count: number;
  readonly #packet: Buffer;
  readonly #virtio: Buffer;

  constructor(count: number, packet: Buffer, virtio: Buffer) {
    this.#count = count;
    this.#packet = packet;
    this.#virtio = virtio;
  }

  read(batch: Batch, headroom: number): number {
    for (let i = 0; i < this.#count; i++) {
      const at = batch.cursor + headroom;
      this.#virtio.copy(batch.bytes, at - VIRTIO_HEADER);
      this.#packet.copy(batch.bytes, at);
      batch.append(at, this.#packet.length);
      batch.cursor = (at + this.#packet.length + 3) & ~3;
    }
    return this.#count;
  }

  write(batch: Batch): number {
    return batch.count;
  }

  onReadable(): void {}
  close(): void {}
}

export class EndlessUnderlay implements UnderlayEdge {
  readonly capabilities = { maxSegments: 64, sourcePorts: 8 };
  readonly #count: number;
  readonly #frame: Buffer;
  readonly #from: Peer;

  constructor(count: number, frame: Buffer, from: Peer) {
    this.#count = count;
    this.#frame = frame;
    this.#from = from;
  }

  receive(batch: Batch): number {
    for (let i = 0; i < this.#count; i++) {
      this.#frame.copy(batch.bytes, batch.cursor);
      const row = batch.append(batch.cursor, this.#frame.length);
      for (let word = 0; word < 4; word++) batch.records[row + ADDRESS + word] = this.#from.underlay.words[word];
      batch.cursor += 2048;
    }
    return this.#count;
  }

  send(batch: Batch): number {
    for (let i = 0; i < batch.count; i++) batch.records[i * RECORD + STATUS] = 0;
    return batch.count;
  }

  pathMtu(): number {
    return 0;
  }

  onReadable(): void {}
  close(): void {}
}
