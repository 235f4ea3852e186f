/** Packets of any size between our own pod and that of target 0, in both directions. */
import { VIRTIO_HEADER } from '../../src/bytes/batch.js';
import { sum } from '../../src/bytes/checksum.js';
import { twins } from '../../src/bytes/index.js';
import type { Family } from '../../src/wire/address.js';
import { put16 } from '../../src/wire/big-endian.js';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../../src/wire/ethernet.js';
import { UDP } from '../../src/wire/ip.js';
import { IPV4_HEADER, writeIpv4Header } from '../../src/wire/ipv4.js';
import { IPV6_HEADER, writeIpv6Header } from '../../src/wire/ipv6.js';
import { UDP_HEADER, writeUdpHeader } from '../../src/wire/udp.js';
import { ENCAPSULATION, ENCAPSULATION_ETHERTYPE, encapsulationPrefix } from '../../src/wire/vxlan.js';
import { tcpSuperpacket } from '../packets.js';
import { OWN_MAC, PEER_MAC, podWords } from './population.js';

export interface Template {
  readonly template: Buffer;
  readonly virtio: Buffer;
  readonly segment: number;
}

/** A superpacket's segments: what is left of an MTU of 1500. */
const SEGMENT = 1380;

/** A UDP packet for the device. @param length of the IP packet, bytes */
export function outward(family: Family, length: number): Template {
  return { template: udpPacket(family, length, -1, 0), virtio: Buffer.alloc(VIRTIO_HEADER), segment: 0 };
}

/** The same as the underlay brings it, from the other end. */
export function inward(family: Family, length: number): Template {
  const template = Buffer.concat([prefixTo(family), udpPacket(family, length, 0, -1)]);
  return { template, virtio: Buffer.alloc(VIRTIO_HEADER), segment: 0 };
}

/** A TCP superpacket over IPv4 for the device. @param length of the IP packet, bytes */
export function superpacketOutward(length: number): Template {
  const { packet, virtio } = tcpSuperpacket(length - 40, SEGMENT);
  addressed(packet, -1, 0);
  return { template: packet, virtio, segment: 0 };
}

/** Its segments as one message of the underlay. */
export function superpacketInward(length: number): Template {
  const { packet } = tcpSuperpacket(length - 40, SEGMENT);
  addressed(packet, 0, -1);
  const room = 2 * length + 4096;
  const arena = Buffer.concat([packet, prefixTo(4), Buffer.alloc(room)]);
  const at = packet.length + ENCAPSULATION;
  const frames = twins.split(arena, 0, length, 20, 40, false, SEGMENT, packet.length, ENCAPSULATION, at, at + room);
  const template = Buffer.from(arena.subarray(at, at + frames));
  return { template, virtio: Buffer.alloc(VIRTIO_HEADER), segment: ENCAPSULATION + 40 + SEGMENT };
}

function prefixTo(family: Family): Buffer {
  const prefix = Buffer.from(encapsulationPrefix(1, OWN_MAC, PEER_MAC));
  put16(prefix, ENCAPSULATION_ETHERTYPE, family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
  return prefix;
}

function udpPacket(family: Family, length: number, from: number, to: number): Buffer {
  const packet = Buffer.alloc(length, 1);
  const header = family === 4 ? IPV4_HEADER : IPV6_HEADER;
  const [source, destination] = [podWords(from, family), podWords(to, family)];
  if (family === 4) writeIpv4Header(packet, 0, length, 0, 64, UDP, source[3], destination[3]);
  else writeIpv6Header(packet, 0, length - header, UDP, 64, source, destination);
  writeUdpHeader(packet, header, 4000, 5000, length - header - UDP_HEADER);
  const addresses = family === 4 ? 8 : 32;
  const pseudo = sum(packet, header - addresses, addresses, UDP + length - header);
  put16(packet, header + 6, ~sum(packet, header, length - header, pseudo));
  return packet;
}

/** Changes the addresses of a TCP packet whose checksum holds the pseudo-header's sum. */
function addressed(packet: Buffer, from: number, to: number): void {
  const [source, destination] = [podWords(from, 4)[3], podWords(to, 4)[3]];
  writeIpv4Header(packet, 0, packet.length, 0, 64, 6, source, destination);
  put16(packet, IPV4_HEADER + 16, sum(packet, 12, 8, 6 + packet.length - IPV4_HEADER));
}
