/** Packets from one node's pod to another's. */
import { sum } from '../src/bytes/checksum.js';
import { macFromName } from '../src/core/mac.js';
import type { Peer } from '../src/dataplane/peers.js';
import { type Address, parseAddress, parsePrefix } from '../src/wire/address.js';
import { put16 } from '../src/wire/big-endian.js';
import { IPV4_HEADER, writeIpv4Header } from '../src/wire/ipv4.js';
import { TCP_HEADER } from '../src/wire/tcp.js';
import { UDP_HEADER, writeUdpHeader } from '../src/wire/udp.js';
import { GSO_TCPV4, writeVirtioPartial } from '../src/wire/virtio.js';
import { encapsulationPrefix } from '../src/wire/vxlan.js';

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function node(name: string, underlay: string, podCidr: string): Peer {
  const prefix = parsePrefix(podCidr);
  if (typeof prefix === 'string') throw new Error(prefix);
  return { node: name, underlay: address(underlay), podCidr: [prefix], mac: macFromName(name) };
}

export const NODES = [node('alpha', '192.0.2.1', '10.244.1.0/24'), node('bravo', '192.0.2.2', '10.244.2.0/24')];
const FROM = address('10.244.1.5').words[3];
const TO = address('10.244.2.9').words[3];

export function udpPacket(payload: number, from = FROM, to = TO): Buffer {
  const packet = Buffer.alloc(IPV4_HEADER + UDP_HEADER + payload, 1);
  writeIpv4Header(packet, 0, packet.length, 0, 64, 17, from, to);
  writeUdpHeader(packet, IPV4_HEADER, 4000, 5000, payload);
  return packet;
}

/** A TCP superpacket whose checksum is partial, and its virtio header. */
export function tcpSuperpacket(payload: number, segment: number): { packet: Buffer; virtio: Buffer } {
  const headers = IPV4_HEADER + TCP_HEADER;
  const packet = Buffer.alloc(headers + payload, 1);
  writeIpv4Header(packet, 0, packet.length, 0, 64, 6, FROM, TO);
  packet[IPV4_HEADER + 12] = (TCP_HEADER / 4) << 4;
  packet[IPV4_HEADER + 13] = 0x10;
  put16(packet, IPV4_HEADER + 16, sum(packet, 12, 8, 6 + TCP_HEADER + payload));
  const virtio = Buffer.alloc(10);
  writeVirtioPartial(virtio, 0, GSO_TCPV4, headers, segment, IPV4_HEADER, 16);
  return { packet, virtio };
}

/** A frame as the receiver gets it; its inner packet is turned round. */
export function frameFor(packet: Buffer, from: Peer = NODES[1], to: Peer = NODES[0]): Buffer {
  const inner = Buffer.from(packet);
  packet.copy(inner, 12, 16, 20);
  packet.copy(inner, 16, 12, 16);
  const frame = Buffer.concat([encapsulationPrefix(1, to.mac, from.mac), inner]);
  frame.writeUInt16BE(0x0800, 20);
  return frame;
}
