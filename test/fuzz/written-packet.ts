/** A packet as it is written to a device: put together from its records, and looked at as the kernel would. */
import { type Batch, FLAGS, LENGTH, MORE, OFFSET, RECORD, VIRTIO_HEADER } from '../../src/bytes/batch.js';
import { twins } from '../../src/bytes/index.js';
import { get16 } from '../../src/wire/big-endian.js';
import { IpView, TCP, UDP } from '../../src/wire/ip.js';
import { TCP_CHECKSUM, TCP_FLAGS, TCP_SYN, tcpHeaderLength } from '../../src/wire/tcp.js';
import { UDP_CHECKSUM, UDP_HEADER } from '../../src/wire/udp.js';
import * as virtio from '../../src/wire/virtio.js';

export class WrittenPacket {
  readonly bytes = Buffer.alloc(70_000);
  readonly view = new IpView();
  readonly #virtio = Buffer.alloc(VIRTIO_HEADER);
  length = 0;
  /** Bytes before the payload of TCP or UDP; 0: it is neither, or a fragment. */
  headers = 0;

  /**
   * Takes the packet that begins at record `index`.
   * @returns the index of the next one
   * @throws what is wrong with it
   */
  take(batch: Batch, index: number): number {
    const { bytes, records } = batch;
    const first = records[index * RECORD + OFFSET];
    bytes.copy(this.#virtio, 0, first - VIRTIO_HEADER, first);
    this.length = 0;
    let more = true;
    for (; more; index++) {
      const row = index * RECORD;
      if (index >= batch.count) throw new Error('its last record is missing');
      const at = records[row + OFFSET];
      this.length += bytes.copy(this.bytes, this.length, at, at + records[row + LENGTH]);
      more = (records[row + FLAGS] & MORE) !== 0;
    }
    if (this.length > 65_535) throw new Error(`${this.length} bytes`);
    const { view } = this;
    if (!view.parse(this.bytes, 0, this.length)) throw new Error('no IP packet');
    if (view.length !== this.length) throw new Error(`an IP packet of ${view.length} bytes in ${this.length}`);
    this.headers = this.#headers();
    if (this.partial) this.#checkPartial();
    else if (this.gso !== virtio.GSO_NONE) throw new Error('a superpacket whose checksum is not left open');
    return index;
  }

  get partial(): boolean {
    return virtio.needsChecksum(this.#virtio, 0);
  }

  get gso(): number {
    return virtio.gsoType(this.#virtio, 0);
  }

  get gsoSize(): number {
    return virtio.gsoSize(this.#virtio, 0);
  }

  get syn(): boolean {
    const { view } = this;
    return view.protocol === TCP && view.transport >= 0 && (this.bytes[view.transport + TCP_FLAGS] & TCP_SYN) !== 0;
  }

  /** TCP and UDP checksum, as it came or as the kernel will complete it. */
  get sumOk(): boolean {
    const { view } = this;
    return (
      this.partial ||
      twins.sum(this.bytes, view.transport, view.length - view.transport, view.pseudoHeaderSum()) === 0xffff
    );
  }

  #headers(): number {
    const { view } = this;
    if (view.transport < 0 || view.fragment) return 0;
    if (view.protocol === UDP) return view.length - view.transport < UDP_HEADER ? 0 : view.transport + UDP_HEADER;
    if (view.protocol !== TCP) return 0;
    const header = tcpHeaderLength(this.bytes, view.transport, view.length);
    return header === 0 ? 0 : view.transport + header;
  }

  #checkPartial(): void {
    const { view } = this;
    const field = view.protocol === UDP ? UDP_CHECKSUM : TCP_CHECKSUM;
    if (view.transport < 0 || (view.protocol !== UDP && view.protocol !== TCP)) throw new Error('nothing to sum');
    if (virtio.sumStart(this.#virtio, 0) !== view.transport || virtio.sumOffset(this.#virtio, 0) !== field)
      throw new Error('the checksum is said to be elsewhere');
    if (get16(this.bytes, view.transport + field) !== view.pseudoHeaderSum())
      throw new Error('the checksum field does not hold the sum of the pseudo-header');
    if (this.gso === virtio.GSO_NONE) return;
    const expected =
      view.protocol === UDP ? virtio.GSO_UDP_L4 : view.version === 4 ? virtio.GSO_TCPV4 : virtio.GSO_TCPV6;
    if (this.gso !== expected) throw new Error(`a superpacket of kind ${this.gso}, not ${expected}`);
    if (this.headers === 0 || this.gsoSize === 0) throw new Error('a superpacket that cannot be cut');
    if (this.length - this.headers <= this.gsoSize) throw new Error('a superpacket of one packet');
  }
}
