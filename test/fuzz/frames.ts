/** Good packets, and frames around them, that mutations start from: of every kind that the packet path tells apart. */
import { put16 } from '../../src/wire/big-endian.js';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../src/wire/ethernet.js';
import { ETHERTYPE_PATH_PROBE, PATH_PROBE_FRAME } from '../../src/wire/path-probe.js';
import { ENCAPSULATION, writeVxlanHeader } from '../../src/wire/vxlan.js';
import { type Flow, icmpEcho, pattern, tcpPacket, udpPacket } from '../unit/dataplane/packets.js';
import { ipv4, ipv6, tcp, udp, withChecksum } from '../unit/wire/packets.js';
import { vectors } from '../unit/wire/vectors.js';

/** @param from a pod, IPv4 and IPv6; @param to another */
export function goodPackets(from: readonly [string, string], to: readonly [string, string]): Buffer[] {
  const both = ([0, 1] as const).map((i): Flow => ({ from: from[i], to: to[i] }));
  const [addresses4, addresses6] = both.map((flow) => ({ source: flow.from, destination: flow.to }));
  const syn = tcp([40_000, 443], 2, Buffer.from([1, 2, 4, 5, 0xb4, 4, 2, 3, 3, 7, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]));
  const chain = Buffer.concat([
    Buffer.from([60, 0, 1, 4, 0, 0, 0, 0]),
    Buffer.from([43, 1, 1, 12, ...Buffer.alloc(12)]),
    Buffer.from([51, 0, 0, 0, 1, 2, 3, 4]),
    Buffer.from([6, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
    syn,
  ]);
  const fragment6 = (bits: number) =>
    ipv6({ ...addresses6, next: 44, payload: Buffer.concat([fragmentHeader(bits), pattern(160)]) });
  const headerOptions = Buffer.from('0703040194040000820b01020304050607080000', 'hex');
  const quoted = udpPacket({ from: to[0], to: from[0] }, pattern(20));
  return [
    ...both.flatMap((flow) => [
      tcpPacket(flow, pattern(100), { mss: 1460, flags: 2 }),
      tcpPacket(flow, pattern(500), { seq: 1000 }),
      tcpPacket(flow, pattern(500, 2), { seq: 1500, flags: 0x18 }),
      tcpPacket(flow, pattern(1380)),
      udpPacket(flow, pattern(300)),
      udpPacket(flow, pattern(300, 2), { dontFragment: false }),
      udpPacket(flow, Buffer.alloc(0)),
      icmpEcho(flow, pattern(56)),
    ]),
    withChecksum(ipv4({ ...addresses4, protocol: 6, payload: syn }), 16),
    withChecksum(ipv6({ ...addresses6, next: 6, payload: syn }), 16),
    ipv6({ ...addresses6, next: 0, payload: chain }),
    ipv4({ ...addresses4, options: headerOptions, payload: pattern(600) }),
    ipv4({ ...addresses4, payload: udp([1, 2], pattern(160)), moreFragments: true }),
    ipv4({ ...addresses4, payload: pattern(160), fragmentOffset: 80, moreFragments: true }),
    ipv4({ ...addresses4, payload: pattern(160), fragmentOffset: 65_400 }),
    ipv4({ ...addresses4, protocol: 1, payload: Buffer.concat([Buffer.from([3, 4, 0, 0, 0, 0, 5, 0]), quoted]) }),
    fragment6(1),
    fragment6((160 << 3) | 1),
    fragment6(0xffe8),
    ...[...vectors('ip'), ...vectors('icmp-errors')].map(({ bytes }) => bytes),
  ];
}

function fragmentHeader(bits: number): Buffer {
  const header = Buffer.from([17, 0, 0, 0, 0, 0, 0, 9]);
  put16(header, 2, bits);
  return header;
}

/** An IP packet as a VXLAN frame. */
export function frameOf(packet: Buffer, vni: number, to: Uint8Array, from: Uint8Array): Buffer {
  const frame = Buffer.alloc(ENCAPSULATION + packet.length);
  writeEthernet(frame, vni, to, from, packet[0] >> 4 === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
  packet.copy(frame, ENCAPSULATION);
  return frame;
}

/** ARP, neighbour discovery and path probes, as VXLAN frames. */
export function otherFrames(vni: number, to: Uint8Array, from: Uint8Array): Buffer[] {
  const probe = Buffer.alloc(8 + PATH_PROBE_FRAME, 7);
  writeEthernet(probe, vni, to, from, ETHERTYPE_PATH_PROBE);
  const arp = Buffer.alloc(ENCAPSULATION + 28);
  writeEthernet(arp, vni, new Uint8Array(6).fill(0xff), from, ETHERTYPE_ARP);
  Buffer.from('000108000604000102005e100002', 'hex').copy(arp, ENCAPSULATION);
  Buffer.from([10, 244, 2, 10]).copy(arp, ENCAPSULATION + 14);
  Buffer.from([10, 244, 1, 10]).copy(arp, ENCAPSULATION + 24);
  const header = Buffer.alloc(8);
  writeVxlanHeader(header, 0, vni);
  const recorded = [...vectors('arp'), ...vectors('ndp')].map(({ bytes }) => Buffer.concat([header, bytes]));
  return [probe, arp, ...recorded, ...vectors('vxlan').map(({ bytes }) => bytes)];
}

function writeEthernet(frame: Buffer, vni: number, to: Uint8Array, from: Uint8Array, ethertype: number): void {
  writeVxlanHeader(frame, 0, vni);
  frame.set(to, 8);
  frame.set(from, 14);
  put16(frame, 20, ethertype);
}
