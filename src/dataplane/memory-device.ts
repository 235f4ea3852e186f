/** A device without a kernel: an embedder or a test puts packets in and takes packets out. */
import { type Batch, FLAGS, LENGTH, MORE, OFFSET, RECORD, VIRTIO_HEADER } from '../bytes/batch.js';
import type { DeviceCapabilities, DeviceEdge } from './edges.js';
import { PacketQueue } from './packet-queue.js';

const PLAIN: DeviceCapabilities = { checksum: false, tcpSegmentation: false, udpSegmentation: false };
const NOWHERE = [0, 0, 0, 0] as const;

/** What the length field of an IP packet can say. */
export const LONGEST_PACKET = 65_535;

/** How a `MemoryDevice` looks from the overlay, and where its packets go. */
export interface MemoryDeviceOptions {
  /** Offloads it pretends to have; default none. */
  capabilities?: DeviceCapabilities;
  /** Packets that may wait to be read; default 1,024. More are dropped and counted in `dropped`. */
  limit?: number;
  /**
   * Called with each packet that came out of the overlay, and its virtio header. The bytes are borrowed: copy what is
   * to be kept. Without it packets collect for `take`.
   */
  onPacket?: (packet: Uint8Array, virtio: Uint8Array) => void;
}

/** A device in memory: `inject` is what a pod sends; `take`, or `onPacket`, what it receives. */
export class MemoryDevice implements DeviceEdge {
  readonly capabilities: DeviceCapabilities;
  readonly #waiting: PacketQueue;
  readonly #headers: Uint8Array[] = [];
  readonly #out: Buffer[] = [];
  readonly #onPacket: (packet: Uint8Array, virtio: Uint8Array) => void;
  #listener: (() => void) | undefined;
  /** Room for a packet that comes in several records. */
  readonly #joined = Buffer.alloc(LONGEST_PACKET);

  constructor(options: MemoryDeviceOptions = {}) {
    this.capabilities = options.capabilities ?? PLAIN;
    this.#waiting = new PacketQueue(options.limit ?? 1024);
    this.#onPacket = options.onPacket ?? ((packet) => this.#out.push(Buffer.from(packet)));
  }

  /** Packets that found the queue full. */
  get dropped(): number {
    return this.#waiting.dropped;
  }

  /**
   * Sends a packet into the overlay, as a pod would.
   * @param packet a whole IP packet; copied
   * @param virtio its virtio header (`VIRTIO_HEADER` bytes) if it is a superpacket or its checksum is incomplete; copied
   * @returns false if the queue was full
   * @throws TypeError: no bytes; RangeError: longer than 65,535, or a header of another length. Nothing was queued.
   */
  inject(packet: Uint8Array, virtio?: Uint8Array): boolean {
    checkBytes('a packet', packet);
    if (packet.length > LONGEST_PACKET)
      throw new RangeError(`a packet has at most ${LONGEST_PACKET} bytes, not ${packet.length}: nothing was queued`);
    if (virtio !== undefined) {
      checkBytes('a virtio header', virtio);
      if (virtio.length !== VIRTIO_HEADER)
        throw new RangeError(`a virtio header has ${VIRTIO_HEADER} bytes, not ${virtio.length}: nothing was queued`);
    }
    const queued = { bytes: Uint8Array.from(packet), segment: 0, from: NOWHERE, port: 0, tos: 0 };
    if (!this.#waiting.push(queued)) return false;
    this.#headers.push(virtio ? Uint8Array.from(virtio) : new Uint8Array(VIRTIO_HEADER));
    this.#listener?.();
    return true;
  }

  /** The next packet that came out, if no `onPacket` was given. */
  take(): Buffer | undefined {
    return this.#out.shift();
  }

  read(batch: Batch, headroom: number): number {
    return this.#waiting.drainInto(batch, headroom, (_packet, at) => {
      const header = this.#headers.shift();
      if (header) batch.bytes.set(header, at - VIRTIO_HEADER);
    });
  }

  write(batch: Batch): number {
    const { bytes, records } = batch;
    let packets = 0;
    for (let i = 0; i < batch.count; i++) {
      const head = records[i * RECORD + OFFSET];
      let length = 0;
      let more = true;
      for (let piece = i; more; piece++) {
        const row = piece * RECORD;
        bytes.copy(this.#joined, length, records[row + OFFSET], records[row + OFFSET] + records[row + LENGTH]);
        length += records[row + LENGTH];
        more = (records[row + FLAGS] & MORE) !== 0;
        i = piece;
      }
      this.#onPacket(this.#joined.subarray(0, length), bytes.subarray(head - VIRTIO_HEADER, head));
      packets++;
    }
    return packets;
  }

  onReadable(listener: () => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = undefined;
  }
}

/** Who calls from JavaScript may pass anything. */
function checkBytes(what: string, bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new TypeError(`${what} is a Uint8Array, not ${bytes === null ? 'null' : typeof bytes}: nothing was queued`);
}
