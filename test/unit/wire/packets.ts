/** Packets for tests, built plainly and apart from the code under test. */
import type { Words } from '../../../src/wire/address.js';
import { addressBytes, parseAddress } from '../../../src/wire/address.js';
import { IpView } from '../../../src/wire/ip.js';

export interface Ipv4Options {
  source?: string;
  destination?: string;
  protocol?: number;
  payload?: Buffer;
  /** Header options, a multiple of four bytes. */
  options?: Buffer;
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** Bytes. */
  fragmentOffset?: number;
  ttl?: number;
  tos?: number;
}

export function ipv4(packet: Ipv4Options): Buffer {
  const options = packet.options ?? Buffer.alloc(0);
  const payload = packet.payload ?? Buffer.from('payload!');
  const header = Buffer.alloc(20 + options.length);
  header[0] = 0x40 | (header.length / 4);
  header[1] = packet.tos ?? 0;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(packet.id ?? 0x1234, 4);
  const flags = (packet.dontFragment ? 0x4000 : 0) | (packet.moreFragments ? 0x2000 : 0);
  header.writeUInt16BE(flags | ((packet.fragmentOffset ?? 0) / 8), 6);
  header[8] = packet.ttl ?? 64;
  header[9] = packet.protocol ?? 17;
  bytes4(packet.source ?? '10.0.1.1').copy(header, 12);
  bytes4(packet.destination ?? '10.0.2.2').copy(header, 16);
  options.copy(header, 20);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

export interface Ipv6Options {
  source?: string;
  destination?: string;
  next?: number;
  /** Everything behind the fixed header. */
  payload?: Buffer;
  hopLimit?: number;
  trafficClass?: number;
}

export function ipv6(packet: Ipv6Options): Buffer {
  const payload = packet.payload ?? Buffer.from('payload!');
  const header = Buffer.alloc(40);
  header.writeUInt32BE(0x6000_0000 + (packet.trafficClass ?? 0) * 0x10_0000, 0);
  header.writeUInt16BE(payload.length, 4);
  header[6] = packet.next ?? 17;
  header[7] = packet.hopLimit ?? 64;
  bytes6(packet.source ?? 'fd00:1::1').copy(header, 8);
  bytes6(packet.destination ?? 'fd00:2::2').copy(header, 24);
  return Buffer.concat([header, payload]);
}

/** A TCP header with checksum 0; options are padded to a multiple of four. */
export function tcp(ports: [number, number], flags: number, options: Buffer, payload = ''): Buffer {
  const padded = Buffer.concat([options, Buffer.alloc((4 - (options.length % 4)) % 4)]);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(ports[0], 0);
  header.writeUInt16BE(ports[1], 2);
  header[12] = ((20 + padded.length) / 4) << 4;
  header[13] = flags;
  header.writeUInt16BE(0xffff, 14);
  return Buffer.concat([header, padded, Buffer.from(payload)]);
}

/** A UDP datagram with checksum 0. */
export function udp(ports: [number, number], payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(ports[0], 0);
  header.writeUInt16BE(ports[1], 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** RFC 1071, word by word. 0 if the bytes hold their own right checksum. */
export function checksum(...parts: Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i] * 256 + (i + 1 < bytes.length ? bytes[i + 1] : 0);
  while (sum > 0xffff) sum = (sum % 65_536) + Math.floor(sum / 65_536);
  return 0xffff - sum;
}

/** The checksum of an upper-layer packet with its pseudo-header, for an IP header without options or extensions. */
export function transportChecksum(packet: Buffer): number {
  const v4 = packet[0] >> 4 === 4;
  const start = v4 ? (packet[0] & 15) * 4 : 40;
  const rest = packet.subarray(start);
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(rest.length, 0);
  tail[7] = packet[v4 ? 9 : 6];
  return checksum(v4 ? packet.subarray(12, 20) : packet.subarray(8, 40), tail, rest);
}

/** Puts the right checksum into the transport header of a packet, `offset` bytes from its start. */
export function withChecksum(packet: Buffer, offset: number): Buffer {
  const start = packet[0] >> 4 === 4 ? (packet[0] & 15) * 4 : 40;
  packet.writeUInt16BE(0, start + offset);
  packet.writeUInt16BE(transportChecksum(packet), start + offset);
  return packet;
}

/** A view on a packet that must be right, in a buffer of its own with other bytes around it. */
export function viewOf(packet: Buffer, before = 37): IpView {
  const bytes = Buffer.concat([Buffer.alloc(before, 0xee), packet, Buffer.alloc(11, 0xee)]);
  const view = new IpView();
  if (!view.parse(bytes, before, packet.length)) throw new Error('the test built a packet that does not parse');
  return view;
}

/** The packet a view is on. */
export function packetOf(view: IpView): Buffer {
  return Buffer.from(view.bytes.subarray(view.offset, view.offset + view.length));
}

/** The words of an address. */
export function words(text: string): Words {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address.words;
}

function bytes4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

function bytes6(text: string): Buffer {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return Buffer.from(addressBytes(address));
}
