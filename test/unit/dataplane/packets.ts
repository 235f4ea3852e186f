/** Packets for tests: whole IP packets of either family, with right checksums. */
import { sum } from '../../../src/bytes/checksum.js';
import { type Address, parseAddress } from '../../../src/wire/address.js';
import { put16, put32 } from '../../../src/wire/big-endian.js';
import { writeIpv4Checksum, writeIpv4Header } from '../../../src/wire/ipv4.js';
import { writeIpv6Header } from '../../../src/wire/ipv6.js';
import { GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, writeVirtioPartial } from '../../../src/wire/virtio.js';

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`no address: ${text}`);
  return parsed;
}

/** Bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed * 13) & 0xff;
  return bytes;
}

export interface Flow {
  from: string;
  to: string;
  fromPort?: number;
  toPort?: number;
}

export interface PacketOptions {
  dontFragment?: boolean;
  /** Leaves only the pseudo-header's sum in the checksum field, as a kernel does for an offload. */
  partial?: boolean;
}

function ipPacket(flow: Flow, protocol: number, upper: Buffer, options: PacketOptions, checksumAt: number): Buffer {
  const from = address(flow.from);
  const to = address(flow.to);
  const v4 = from.family === 4;
  const header = v4 ? 20 : 40;
  const packet = Buffer.alloc(header + upper.length);
  upper.copy(packet, header);
  if (v4) writeIpv4Header(packet, 0, packet.length, 0, 64, protocol, from.words[3], to.words[3]);
  else writeIpv6Header(packet, 0, upper.length, protocol, 64, from.words, to.words);
  if (v4 && options.dontFragment === false) {
    put16(packet, 6, 0);
    put16(packet, 4, 0x1234);
    writeIpv4Checksum(packet, 0, 20);
  }
  const needsPseudo = protocol !== 1;
  const pseudo = needsPseudo ? sum(packet, v4 ? 12 : 8, v4 ? 8 : 32, protocol + upper.length) : 0;
  if (options.partial) put16(packet, header + checksumAt, pseudo);
  else put16(packet, header + checksumAt, ~sum(packet, header, upper.length, pseudo));
  return packet;
}

export function udpPacket(flow: Flow, payload: Buffer, options: PacketOptions = {}): Buffer {
  const upper = Buffer.alloc(8 + payload.length);
  put16(upper, 0, flow.fromPort ?? 40_000);
  put16(upper, 2, flow.toPort ?? 50_000);
  put16(upper, 4, upper.length);
  payload.copy(upper, 8);
  return ipPacket(flow, 17, upper, options, 6);
}

export function tcpPacket(
  flow: Flow,
  payload: Buffer,
  options: PacketOptions & { seq?: number; flags?: number; mss?: number; padding?: number } = {},
): Buffer {
  const tcpOptions = Buffer.alloc(options.mss === undefined ? 0 : 4);
  if (options.mss !== undefined) {
    tcpOptions[0] = 2;
    tcpOptions[1] = 4;
    put16(tcpOptions, 2, options.mss);
  }
  const upper = Buffer.alloc(20 + tcpOptions.length + payload.length);
  put16(upper, 0, flow.fromPort ?? 40_000);
  put16(upper, 2, flow.toPort ?? 50_000);
  put32(upper, 4, options.seq ?? 1000);
  put32(upper, 8, 5000);
  upper[12] = ((20 + tcpOptions.length) / 4) << 4;
  upper[13] = options.flags ?? 0x10;
  put16(upper, 14, 8192);
  tcpOptions.copy(upper, 20);
  payload.copy(upper, 20 + tcpOptions.length);
  return ipPacket(flow, 6, upper, options, 16);
}

export function icmpEcho(flow: Flow, payload: Buffer, options: PacketOptions = {}): Buffer {
  const v4 = address(flow.from).family === 4;
  const upper = Buffer.alloc(8 + payload.length);
  upper[0] = v4 ? 8 : 128;
  put16(upper, 4, 77);
  put16(upper, 6, 1);
  payload.copy(upper, 8);
  return ipPacket(flow, v4 ? 1 : 58, upper, options, 2);
}

/** The virtio header of a packet whose checksum is partial, and, with a segment size, which is a superpacket. */
export function virtioFor(packet: Buffer, segment: number): Buffer {
  const v4 = packet[0] >> 4 === 4;
  const start = v4 ? 20 : 40;
  const udp = packet[v4 ? 9 : 6] === 17;
  const headers = start + (udp ? 8 : (packet[start + 12] >> 4) * 4);
  const gso = segment === 0 ? 0 : udp ? GSO_UDP_L4 : v4 ? GSO_TCPV4 : GSO_TCPV6;
  const header = Buffer.alloc(10);
  writeVirtioPartial(header, 0, gso, headers, segment, start, udp ? 6 : 16);
  return header;
}

/** Whether the IP header's and the TCP, UDP or ICMP checksum of a packet are right. */
export function checksumsOk(packet: Buffer): boolean {
  const v4 = packet[0] >> 4 === 4;
  const header = v4 ? 20 : 40;
  if (v4 && sum(packet, 0, 20, 0) !== 0xffff) return false;
  const protocol = packet[v4 ? 9 : 6];
  const length = packet.length - header;
  const pseudo = protocol === 1 ? 0 : sum(packet, v4 ? 12 : 8, v4 ? 8 : 32, protocol + length);
  return sum(packet, header, length, pseudo) === 0xffff;
}

/** The payload behind IP and TCP or UDP headers. */
export function payloadOf(packet: Buffer): Buffer {
  const v4 = packet[0] >> 4 === 4;
  const header = v4 ? 20 : 40;
  const udp = packet[v4 ? 9 : 6] === 17;
  return packet.subarray(header + (udp ? 8 : (packet[header + 12] >> 4) * 4));
}
