/**
 * What a worker does before its first packets: V8 interprets a function at first and compiles it, in two steps, once it has
 * run often enough, and until then a packet costs several times as much. So packets of our own go through the same
 * classes, with system calls that lead nowhere, by a forwarding table and counters of their own: nothing real sees them.
 */
import { ADDRESS, LENGTH, OFFSET, PORT, RECORD, SEGMENT, STATUS, VIRTIO_HEADER } from '../bytes/batch.js';
import type { ByteWork } from '../bytes/work.js';
import { macFromName } from '../core/mac.js';
import type { DeviceCapabilities } from '../dataplane/edges.js';
import { Overlay, pathContext } from '../dataplane/overlay.js';
import type { Peer } from '../dataplane/peers.js';
import { Pipeline } from '../dataplane/pipeline.js';
import { type Address, type Family, parseAddress, parsePrefix } from '../wire/address.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../wire/ethernet.js';
import { ICMP, ICMPV6, TCP, UDP } from '../wire/ip.js';
import { IPV4_HEADER, writeIpv4Header } from '../wire/ipv4.js';
import { IPV6_HEADER, writeIpv6Header } from '../wire/ipv6.js';
import { encodePathProbe, pathProbeId } from '../wire/path-probe.js';
import { TCP_ACK, TCP_DATA_OFFSET, TCP_FLAGS, TCP_HEADER } from '../wire/tcp.js';
import { writeUdpHeader } from '../wire/udp.js';
import { ENCAPSULATION_ETHERTYPE, encapsulationPrefix } from '../wire/vxlan.js';
import type { SystemCalls } from './system-calls.js';
import { TunQueue } from './tun.js';
import { UdpUnderlay } from './udp.js';

/** So many turns take a few thousand packets of each kind; V8 has compiled what they pass by then. */
const TURNS = 6000;
const VXLAN = { vni: 1, port: 8472 };
const MTU = 1450;

/** The same packet each way, and how many of it come in one turn. */
interface Traffic {
  readonly packet: Buffer;
  readonly frame: Buffer;
  readonly count: number;
}

/** Of the documentation's networks (RFC 5737, RFC 3849): no address leaves this file. */
const SELF = node('self', '192.0.2.1', '198.51.100.0/25', '2001:db8:1::/64');
const OTHER = node('other', '192.0.2.2', '198.51.100.128/25', '2001:db8:2::/64');
const ENDS: Readonly<Record<Family, readonly [Address, Address]>> = {
  4: [address('198.51.100.5'), address('198.51.100.133')],
  6: [address('2001:db8:1::5'), address('2001:db8:2::5')],
};

export class WarmUp {
  readonly overlay: Overlay;
  readonly #nowhere: Nowhere;
  readonly #pipeline: Pipeline;
  readonly #traffic: readonly Traffic[] = [...trafficOf(4), ...trafficOf(6), probes()];
  #turns = 0;

  private constructor(overlay: Overlay, system: SystemCalls, work: ByteWork, capabilities: DeviceCapabilities) {
    this.overlay = overlay;
    this.#nowhere = new Nowhere(this.#traffic[0]);
    const calls = this.#nowhere.instead(system);
    const sockets = { underlay: SELF.underlay, receive: -1, egress: Int32Array.of(-1, -1), segments: true };
    const context = pathContext(
      overlay.shared,
      0,
      work,
      () => 0,
      () => {},
    );
    this.#pipeline = new Pipeline(new TunQueue(calls, -1, capabilities), new UdpUnderlay(calls, sockets), context);
  }

  /**
   * @param system what the real edges call: no descriptor is touched
   * @param work what the real packets' bytes are worked on with
   * @param capabilities those of the real device
   */
  static async create(system: SystemCalls, work: ByteWork, capabilities: DeviceCapabilities): Promise<WarmUp> {
    const limits = { workers: 1, maxPeers: 4, maxPrefixes: 16 };
    const overlay = await Overlay.create({ self: SELF, vxlan: VXLAN, mtu: MTU, ...limits });
    await overlay.setPeers([OTHER]);
    return new WarmUp(overlay, system, work, capabilities);
  }

  /** Some packets each way, in some 10 to 100 µs. @returns false: it was the last turn */
  turn(): boolean {
    this.#nowhere.traffic = this.#traffic[this.#turns % this.#traffic.length];
    this.#pipeline.turn();
    return ++this.#turns < TURNS;
  }
}

/** System calls that give the same packets for ever, and take all others without a word. */
class Nowhere {
  traffic: Traffic;
  /** Packets that the device has still to give in this turn: it is read until it has none. */
  #left = 0;

  constructor(traffic: Traffic) {
    this.traffic = traffic;
  }

  /** In place of these. */
  instead(system: SystemCalls): SystemCalls {
    return {
      ...system,
      tunRead: (_fd, bytes, headroom, cursor, end, records, first) =>
        this.#read(bytes, headroom, cursor, end, records, first),
      tunWrite: (_fd, _bytes, records, count) => taken(records, count),
      udpReceive: (_fd, bytes, cursor, _slot, records, first) => this.#receive(bytes, cursor, records, first),
      udpSend: (_fds, _bytes, records, count) => taken(records, count),
    };
  }

  #read(bytes: Uint8Array, headroom: number, cursor: number, end: number, records: Int32Array, first: number): number {
    const { packet } = this.traffic;
    let at = cursor;
    let row = first * RECORD;
    for (; this.#left > 0 && row < records.length && at + headroom + packet.length <= end; this.#left--) {
      at += headroom;
      bytes.fill(0, at - VIRTIO_HEADER, at);
      bytes.set(packet, at);
      write(records, row, at, packet.length);
      at = (at + packet.length + 3) & ~3;
      row += RECORD;
    }
    return row / RECORD - first;
  }

  /** Several come as one message, as GRO makes it. */
  #receive(bytes: Uint8Array, cursor: number, records: Int32Array, first: number): number {
    const { frame, count } = this.traffic;
    this.#left = count;
    for (let i = 0; i < count; i++) bytes.set(frame, cursor + i * frame.length);
    const row = first * RECORD;
    write(records, row, cursor, count * frame.length);
    if (count > 1) records[row + SEGMENT] = frame.length;
    for (let word = 0; word < 4; word++) records[row + ADDRESS + word] = OTHER.underlay.words[word];
    records[row + PORT] = VXLAN.port;
    return 1;
  }
}

function write(records: Int32Array, row: number, offset: number, length: number): void {
  records.fill(0, row, row + RECORD);
  records[row + OFFSET] = offset;
  records[row + LENGTH] = length;
}

function taken(records: Int32Array, count: number): number {
  for (let row = 0; row < count * RECORD; row += RECORD) records[row + STATUS] = 0;
  return count;
}

/** Lone packets for the most part, for which it matters most. */
function trafficOf(family: Family): Traffic[] {
  const echo = Buffer.alloc(64);
  const datagram = Buffer.alloc(72);
  writeUdpHeader(datagram, 0, 40_000, 50_000, 64);
  const segment = Buffer.alloc(1200);
  segment[TCP_DATA_OFFSET] = (TCP_HEADER / 4) << 4;
  segment[TCP_FLAGS] = TCP_ACK;
  const of = (protocol: number, upper: Buffer, count: number): Traffic => {
    const [own, other] = ENDS[family];
    const inner = ipPacket(protocol, other, own, upper);
    const head = Buffer.from(encapsulationPrefix(VXLAN.vni, SELF.mac, OTHER.mac));
    head.writeUInt16BE(family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6, ENCAPSULATION_ETHERTYPE);
    return { packet: ipPacket(protocol, own, other, upper), frame: Buffer.concat([head, inner]), count };
  };
  return [
    of(family === 4 ? ICMP : ICMPV6, echo, 1),
    of(UDP, datagram, 1),
    of(TCP, segment, 1),
    of(UDP, datagram, 4),
    of(family === 4 ? ICMP : ICMPV6, echo, 1),
    of(TCP, segment, 4),
  ];
}

/** What goes on where nobody sends: a path probe comes in, and the kernel reports its multicast groups to the device. */
function probes(): Traffic {
  const prefix = encapsulationPrefix(VXLAN.vni, SELF.mac, OTHER.mac);
  const probe = { kind: 'request', sequence: 1, sender: pathProbeId('other'), target: pathProbeId('self') } as const;
  const frame = encodePathProbe({ ...probe, timestamp: 0n }, prefix, Buffer.alloc(32));
  const report = Buffer.alloc(36);
  report[0] = ICMPV6;
  const packet = ipPacket(0, address('fe80::1'), address('ff02::16'), report);
  return { packet, frame: Buffer.from(frame), count: 1 };
}

function ipPacket(protocol: number, from: Address, to: Address, upper: Buffer): Buffer {
  const header = from.family === 4 ? IPV4_HEADER : IPV6_HEADER;
  const packet = Buffer.concat([Buffer.alloc(header), upper]);
  if (from.family === 4) writeIpv4Header(packet, 0, packet.length, 0, 64, protocol, from.words[3], to.words[3]);
  else writeIpv6Header(packet, 0, upper.length, protocol, 64, from.words, to.words);
  return packet;
}

function node(name: string, underlay: string, ...podCidr: string[]): Peer {
  return { node: name, underlay: address(underlay), podCidr: podCidr.map(prefix), mac: macFromName(name) };
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new TypeError(text);
  return parsed;
}

function prefix(text: string): Peer['podCidr'][number] {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new TypeError(parsed);
  return parsed;
}
