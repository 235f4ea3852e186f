/**
 * A stand-in for a peer's pod, played on our own TUN device before anybody else uses it: it completes the kernel's TCP
 * handshake and exchanges superpackets with it, so that an offload is seen to work, not believed to.
 */
import { Batch, LENGTH, OFFSET, RECORD, VIRTIO_HEADER } from '../bytes/batch.js';
import { twins } from '../bytes/index.js';
import { type Address, sameWords } from '../wire/address.js';
import { get16, get32, put16, put32 } from '../wire/big-endian.js';
import { IpView, TCP, UDP } from '../wire/ip.js';
import { IPV4_HEADER, writeIpv4Header } from '../wire/ipv4.js';
import { IPV6_HEADER, writeIpv6Header } from '../wire/ipv6.js';
import { TCP_CHECKSUM, TCP_HEADER, tcpHeaderLength } from '../wire/tcp.js';
import { UDP_CHECKSUM, UDP_HEADER, writeUdpHeader } from '../wire/udp.js';
import * as virtio from '../wire/virtio.js';
import type { TunQueue } from './tun.js';

const HEADROOM = 32;
const HOP_LIMIT = 64;
const WINDOW = 65_535;

/** One packet as the kernel handed it over, already checked. */
export interface Heard {
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP only. */
  readonly sequence: number;
  readonly flags: number;
  readonly payload: Buffer;
  /** Whether it came as a superpacket. */
  readonly segmented: boolean;
  /** Every checksum, after the work that was left to us, is right. */
  readonly sound: boolean;
}

export interface TcpWords {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledge: number;
  readonly flags: number;
}

export class OffloadProbe {
  readonly #queue: TunQueue;
  readonly #own: Address;
  readonly #remote: Address;
  readonly #read = Batch.allocate(2 << 20, 64);
  readonly #written = Batch.allocate(128 << 10, 1);
  readonly #view = new IpView();

  /**
   * @param own this node's overlay address, which the kernel answers for
   * @param remote the address that the probe plays; routed to the device
   */
  constructor(queue: TunQueue, own: Address, remote: Address) {
    this.#queue = queue;
    this.#own = own;
    this.#remote = remote;
  }

  /** What the kernel has sent to the remote address since the last call. */
  hear(): Heard[] {
    this.#read.clear();
    this.#queue.read(this.#read, HEADROOM);
    const heard: Heard[] = [];
    for (let row = 0; row < this.#read.count * RECORD; row += RECORD) {
      const packet = this.#hearPacket(this.#read.records[row + OFFSET], this.#read.records[row + LENGTH]);
      if (packet) heard.push(packet);
    }
    return heard;
  }

  /** Sends a TCP segment, or with `segment` bytes a superpacket of as much payload in each. */
  sayTcp(words: TcpWords, payload: Uint8Array, segment = 0): void {
    const upper = Buffer.alloc(TCP_HEADER + payload.length);
    put16(upper, 0, words.sourcePort);
    put16(upper, 2, words.destinationPort);
    put32(upper, 4, words.sequence);
    put32(upper, 8, words.acknowledge);
    upper[12] = (TCP_HEADER / 4) << 4;
    upper[13] = words.flags;
    put16(upper, 14, WINDOW);
    upper.set(payload, TCP_HEADER);
    const gso = this.#own.family === 4 ? virtio.GSO_TCPV4 : virtio.GSO_TCPV6;
    this.#say(TCP, upper, TCP_CHECKSUM, TCP_HEADER, segment, segment > 0 ? gso : undefined);
  }

  /**
   * Sends a UDP datagram, or with `segment` bytes several of that size as one superpacket.
   * @param partial leaves the checksum to the kernel, as a superpacket always does
   */
  sayUdp(sourcePort: number, destinationPort: number, payload: Uint8Array, segment: number, partial = true): void {
    const upper = Buffer.alloc(UDP_HEADER + payload.length);
    writeUdpHeader(upper, 0, sourcePort, destinationPort, payload.length);
    upper.set(payload, UDP_HEADER);
    const gso = segment > 0 ? virtio.GSO_UDP_L4 : virtio.GSO_NONE;
    this.#say(UDP, upper, UDP_CHECKSUM, UDP_HEADER, segment, partial ? gso : undefined);
  }

  #hearPacket(offset: number, length: number): Heard | undefined {
    const view = this.#view;
    const { bytes } = this.#read;
    if (!view.parse(bytes, offset, length) || view.transport < 0) return undefined;
    if (!sameWords([view.dst0, view.dst1, view.dst2, view.dst3], this.#remote.words)) return undefined;
    const at = offset + view.transport;
    const end = offset + view.length;
    const udp = view.protocol === UDP;
    const header = udp ? UDP_HEADER : view.protocol === TCP ? tcpHeaderLength(bytes, at, end) : 0;
    if (header === 0) return undefined;
    const work = offset - VIRTIO_HEADER;
    const segmented = virtio.gsoType(bytes, work) !== virtio.GSO_NONE;
    return {
      protocol: view.protocol,
      sourcePort: get16(bytes, at),
      destinationPort: get16(bytes, at + 2),
      sequence: udp ? 0 : get32(bytes, at + 4) >>> 0,
      flags: udp ? 0 : bytes[at + 13],
      payload: Buffer.from(bytes.subarray(at + header, end)),
      segmented,
      sound: this.#sound(view, udp ? UDP_CHECKSUM : TCP_CHECKSUM, work),
    };
  }

  /** A checksum left to us holds the pseudo-header's sum and says where the field is; any other must be right as it is. */
  #sound(view: IpView, field: number, work: number): boolean {
    const { bytes } = this.#read;
    const start = view.offset + view.transport;
    if (virtio.needsChecksum(bytes, work)) {
      return (
        virtio.sumStart(bytes, work) === view.transport &&
        virtio.sumOffset(bytes, work) === field &&
        get16(bytes, start + field) === view.pseudoHeaderSum()
      );
    }
    return twins.sum(bytes, start, view.length - view.transport, view.pseudoHeaderSum()) === 0xffff;
  }

  /** @param gso what is left to the kernel besides the checksum; undefined: nothing at all is */
  #say(protocol: number, upper: Buffer, field: number, header: number, segment: number, gso: number | undefined): void {
    const { bytes } = this.#written;
    const v4 = this.#own.family === 4;
    const ip = v4 ? IPV4_HEADER : IPV6_HEADER;
    const at = VIRTIO_HEADER;
    const length = ip + upper.length;
    if (v4) writeIpv4Header(bytes, at, length, 0, HOP_LIMIT, protocol, this.#remote.words[3], this.#own.words[3]);
    else writeIpv6Header(bytes, at, upper.length, protocol, HOP_LIMIT, this.#remote.words, this.#own.words);
    upper.copy(bytes, at + ip);
    this.#view.parse(bytes, at, length);
    const pseudo = this.#view.pseudoHeaderSum();
    if (gso !== undefined) {
      put16(bytes, at + ip + field, pseudo);
      virtio.writeVirtioPartial(bytes, 0, gso, segment > 0 ? ip + header : 0, segment, ip, field);
    } else {
      put16(bytes, at + ip + field, ~twins.sum(bytes, at + ip, upper.length, pseudo));
      virtio.writeVirtioDone(bytes, 0);
    }
    this.#written.clear();
    this.#written.append(at, length);
    this.#queue.write(this.#written);
  }
}
