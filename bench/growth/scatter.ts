/**
 * Edges that always have packets ready, each to or from another target of a list, and take everything. Payloads are written
 * once: between the first turn and the last only headers are, so that what is measured is podwire.
 */
import { ADDRESS, type Batch, PORT, RECORD, SEGMENT, STATUS, VIRTIO_HEADER } from '../../src/bytes/batch.js';
import type { DeviceCapabilities, DeviceEdge, UnderlayEdge } from '../../src/dataplane/edges.js';
import type { Family } from '../../src/wire/address.js';
import { V4_MAPPED } from '../../src/wire/address.js';
import { put32 } from '../../src/wire/big-endian.js';
import { IPV4_DESTINATION, IPV4_SOURCE } from '../../src/wire/ipv4.js';
import { IPV6_DESTINATION, IPV6_SOURCE } from '../../src/wire/ipv6.js';
import { ENCAPSULATION } from '../../src/wire/vxlan.js';
import { peerOf, podWords, type Size, underlayWord } from './population.js';

/** What is rewritten of each packet: no header is longer. */
const HEADERS = 128;

/** What an edge hands out. */
export interface Load {
  readonly family: Family;
  /** Packets, or messages of the underlay, in a turn; 0: none. */
  readonly count: number;
  /** A packet for the device, or a message for the underlay, between our own pod and target 0. */
  readonly template: Buffer;
  readonly virtio: Buffer;
  /** Size of each datagram of a message but the last; 0: one. */
  readonly segment: number;
  /** Targets, over and over. */
  readonly targets: Int32Array;
}

export const NOTHING: Load = {
  family: 4,
  count: 0,
  template: Buffer.alloc(0),
  virtio: Buffer.alloc(VIRTIO_HEADER),
  segment: 0,
  targets: Int32Array.of(0),
};

/** The words of an address that tell targets apart: the second of IPv6, the last of IPv4. */
const WORD = { 4: 3, 6: 1 } as const;

abstract class Scatter {
  readonly #size: Size;
  protected load = NOTHING;
  protected next = 0;
  /** The payloads stand in the arena already. */
  protected written = false;

  constructor(size: Size) {
    this.#size = size;
  }

  hand(load: Load): void {
    this.load = load;
    this.next = 0;
    this.written = false;
  }

  protected peer(target: number): number {
    return peerOf(target, this.#size);
  }

  /** Puts a copy of the template at `at`, which stands between other pods. @param field of the address, from the IP header on */
  protected put(bytes: Buffer, at: number, ip: number, field: number, target: number): void {
    const { template, family } = this.load;
    template.copy(bytes, at, 0, this.written ? HEADERS : template.length);
    if (family === 4) put32(bytes, ip + field, podWord4(target));
    else put32(bytes, ip + field + 4 * WORD[6], target);
  }

  protected step(): number {
    const { targets } = this.load;
    const target = targets[this.next++];
    if (this.next === targets.length) this.next = 0;
    return target;
  }
}

const FIRST = podWords(0, 4)[WORD[4]];

function podWord4(target: number): number {
  return FIRST + (target << 8);
}

export class ScatterDevice extends Scatter implements DeviceEdge {
  readonly capabilities: DeviceCapabilities = { checksum: true, tcpSegmentation: true, udpSegmentation: true };

  read(batch: Batch, headroom: number): number {
    const { count, template, virtio, family } = this.load;
    const field = family === 4 ? IPV4_DESTINATION : IPV6_DESTINATION;
    for (let i = 0; i < count; i++) {
      const at = batch.cursor + headroom;
      virtio.copy(batch.bytes, at - VIRTIO_HEADER);
      this.put(batch.bytes, at, at, field, this.step());
      batch.append(at, template.length);
      batch.cursor = (at + template.length + 3) & ~3;
    }
    this.written = true;
    return count;
  }

  write(batch: Batch): number {
    return batch.count;
  }

  onReadable(): void {}
  close(): void {}
}

export class ScatterUnderlay extends Scatter implements UnderlayEdge {
  readonly capabilities = { maxSegments: 64, sourcePorts: 8 };

  receive(batch: Batch): number {
    const { count, template, segment, family } = this.load;
    const field = family === 4 ? IPV4_SOURCE : IPV6_SOURCE;
    for (let i = 0; i < count; i++) {
      const at = batch.cursor;
      const target = this.step();
      this.put(batch.bytes, at, at + ENCAPSULATION, field, target);
      if (segment > 0 && this.written) this.#restore(batch.bytes, at);
      const row = batch.append(at, template.length);
      batch.records[row + SEGMENT] = segment;
      batch.records[row + PORT] = 50_000;
      batch.records[row + ADDRESS + 2] = V4_MAPPED;
      batch.records[row + ADDRESS + 3] = underlayWord(this.peer(target));
      batch.cursor = (at + template.length + 3) & ~3;
    }
    this.written = true;
    return count;
  }

  /** Virtio headers were written over the ends of the encapsulations of all datagrams of a message. */
  #restore(bytes: Buffer, at: number): void {
    const { template, segment } = this.load;
    for (let frame = segment; frame < template.length; frame += segment) {
      for (let i = frame + ENCAPSULATION - VIRTIO_HEADER; i < frame + ENCAPSULATION; i++) bytes[at + i] = template[i];
    }
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
