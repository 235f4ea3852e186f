/**
 * Coalescing (what the kernel calls GRO): packets of one flow become the superpacket that `split` would cut into just
 * these packets. Only where DF is set are IPv4 identifications not looked at: such a datagram is atomic, and its
 * identification means nothing (RFC 6864 §4.1). The C twin is native/join.c.
 *
 * ```
 *  packets   A0   B0   A1   A2   C0   B1
 *  records   A0+payload A1+payload A2   B0+payload B1   C0
 * ```
 *
 * Packets are taken in runs of `RUN`. In a run at most `OPEN` superpackets can still grow; one more ends the oldest.
 */
import { get16, get32, put16 } from '../wire/big-endian.js';
import { TCP, UDP } from '../wire/ip.js';
import {
  IPV4_CHECKSUM,
  IPV4_DF,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_ID,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
} from '../wire/ipv4.js';
import { IPV6_HEADER, IPV6_HOP_LIMIT, IPV6_NEXT_HEADER, IPV6_PAYLOAD_LENGTH, IPV6_SOURCE } from '../wire/ipv6.js';
import {
  TCP_ACKNOWLEDGEMENT,
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_DATA_OFFSET,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PSH,
  TCP_RST,
  TCP_SEQUENCE,
  TCP_SYN,
  TCP_URG,
  TCP_URGENT,
  TCP_WINDOW,
  tcpHeaderLength,
} from '../wire/tcp.js';
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH } from '../wire/udp.js';
import { GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, writeVirtioDone, writeVirtioPartial } from '../wire/virtio.js';
import { ALONE, FLAGS, LENGTH, MORE, OFFSET, RECORD, VIRTIO_HEADER } from './batch.js';
import { addressSum, checkRange, fold, partialSum } from './checksum.js';

/** Packets looked at together: as many as one writev can take (UIO_MAXIOV), so that no superpacket has more records. */
const RUN = 1024;
/** Superpackets that can still grow; the kernel's GRO keeps as many. */
const OPEN = 64;
/** The longest superpacket, bytes with its IP header. */
const LONGEST = 65_535;
/** Datagrams of a UDP superpacket, as many as the kernel's own GRO joins: more than 128 it drops when it cuts them. */
const MOST_DATAGRAMS = 64;

/** Flags that end a superpacket: they may stand on its last packet. */
const TCP_ENDS = TCP_FIN | TCP_PSH;

/** What `parse` finds. */
const NOT_IP = 0;
/** Addresses, but no ports that can be relied on: a fragment, options, another protocol, a length that is wrong. */
const NO_FLOW = 1;
const FLOW = 2;

/** The packet in hand, as `parse` leaves it. */
const packet = {
  offset: 0,
  length: 0,
  version: 0,
  protocol: 0,
  /** From `offset` to the transport header, and to the payload. */
  transport: 0,
  headers: 0,
  payload: 0,
  /** Mix of both addresses: unequal means other addresses. */
  pair: 0,
  ports: 0,
  flags: 0,
  /** May be part of a superpacket, if its checksums are right. */
  joinable: false,
};

/** An open superpacket: a row of this many words. */
const SLOT = 13;
const AT = 0;
const BYTES = 1;
const VERSION = 2;
const PROTOCOL = 3;
const PAIR = 4;
const PORTS = 5;
const HEADERS = 6;
const PAYLOAD = 7;
/** Index in the run of its first and its latest packet, and their number. */
const FIRST = 8;
const LATEST = 9;
const PACKETS = 10;
/** TCP flags of its latest packet. */
const LATEST_FLAGS = 11;
/** Bytes of the first packet as it came. */
const FIRST_BYTES = 12;

const open = new Int32Array(OPEN * SLOT);
let openEnd = 0;
/** For each packet of the run: the packet that continues it, or -1; and the bytes of headers to leave out. */
const next = new Int16Array(RUN);
const skip = new Uint8Array(RUN);

/** `ByteWork.join`. */
export function join(
  bytes: Uint8Array,
  packets: Int32Array,
  count: number,
  joined: Int32Array,
  tcp: boolean,
  udp: boolean,
): number {
  checkRecords(bytes, packets, count, joined);
  for (let start = 0; start < count; start += RUN) {
    const end = Math.min(start + RUN, count);
    openEnd = 0;
    for (let i = start; i < end; i++) {
      const row = i * RECORD;
      const alone = (packets[row + FLAGS] & ALONE) !== 0;
      place(bytes, packets[row + OFFSET], packets[row + LENGTH], i - start, tcp, udp, alone);
    }
    while (openEnd > 0) finish(bytes, 0);
    emit(packets, joined, start, end - start);
  }
  return count;
}

function checkRecords(bytes: Uint8Array, packets: Int32Array, count: number, joined: Int32Array): void {
  if (count >>> 0 !== count || count * RECORD > packets.length || count * RECORD > joined.length) {
    throw new RangeError(`count: ${count} records do not lie within ${packets.length} and ${joined.length} words`);
  }
  if (
    packets.buffer === joined.buffer &&
    packets.byteOffset < joined.byteOffset + count * RECORD * 4 &&
    joined.byteOffset < packets.byteOffset + count * RECORD * 4
  ) {
    throw new RangeError('joined overlaps packets');
  }
  for (let row = 0; row < count * RECORD; row += RECORD) {
    checkRange(bytes, packets[row + OFFSET], packets[row + LENGTH]);
    if (packets[row + OFFSET] < VIRTIO_HEADER) throw new RangeError('no room for a virtio header before a packet');
  }
}

/** Gives the packet its place: in an open superpacket, as a new one, or alone. */
function place(
  bytes: Uint8Array,
  offset: number,
  length: number,
  index: number,
  tcp: boolean,
  udp: boolean,
  alone: boolean,
): void {
  if (!alone) writeVirtioDone(bytes, offset - VIRTIO_HEADER);
  next[index] = -1;
  skip[index] = 0;
  const found = parse(bytes, offset, length, tcp, udp);
  if (found === NOT_IP) return;
  if (found === NO_FLOW || alone) {
    for (let slot = openEnd - SLOT; slot >= 0; slot -= SLOT) if (sameAddresses(bytes, slot)) finish(bytes, slot);
    return;
  }
  const slot = find(bytes);
  if (slot >= 0) {
    if (packet.joinable && continues(bytes, slot)) {
      append(slot, index);
      if (packet.payload < open[slot + PAYLOAD] || (packet.flags & TCP_ENDS) !== 0) finish(bytes, slot);
      return;
    }
    finish(bytes, slot);
  }
  if (packet.joinable && (packet.flags & TCP_ENDS) === 0) begin(bytes, index);
}

function parse(bytes: Uint8Array, offset: number, length: number, tcp: boolean, udp: boolean): number {
  const version = length > 0 ? bytes[offset] >> 4 : 0;
  const ipHeader = version === 4 ? IPV4_HEADER : IPV6_HEADER;
  if ((version !== 4 && version !== 6) || length < ipHeader) return NOT_IP;
  const transport = offset + ipHeader;
  const end = offset + length;
  packet.offset = offset;
  packet.length = length;
  packet.version = version;
  packet.transport = ipHeader;
  packet.pair = mixAddresses(bytes, offset, version);
  if (version === 4) {
    const fragment = get16(bytes, offset + IPV4_FRAGMENT) & ~IPV4_DF;
    if (bytes[offset] !== 0x45 || fragment !== 0 || get16(bytes, offset + IPV4_TOTAL_LENGTH) !== length) return NO_FLOW;
    packet.protocol = bytes[offset + IPV4_PROTOCOL];
  } else {
    if (get16(bytes, offset + IPV6_PAYLOAD_LENGTH) !== length - IPV6_HEADER) return NO_FLOW;
    packet.protocol = bytes[offset + IPV6_NEXT_HEADER];
  }

  if (packet.protocol === TCP) {
    const headerLength = tcpHeaderLength(bytes, transport, end);
    if (headerLength === 0) return NO_FLOW;
    packet.headers = ipHeader + headerLength;
    packet.flags = bytes[transport + TCP_FLAGS];
    packet.joinable = tcp && (packet.flags & (TCP_SYN | TCP_RST | TCP_URG)) === 0;
  } else if (packet.protocol === UDP) {
    if (transport + UDP_HEADER > end || get16(bytes, transport + UDP_LENGTH) !== end - transport) return NO_FLOW;
    packet.headers = ipHeader + UDP_HEADER;
    packet.flags = 0;
    packet.joinable = udp && get16(bytes, transport + UDP_CHECKSUM) !== 0;
  } else {
    return NO_FLOW;
  }
  packet.payload = length - packet.headers;
  if (packet.payload === 0) packet.joinable = false;
  packet.ports = get32(bytes, transport);
  return FLOW;
}

function mixAddresses(bytes: Uint8Array, offset: number, version: number): number {
  let at = offset + (version === 4 ? IPV4_SOURCE : IPV6_SOURCE);
  const end = at + (version === 4 ? 8 : 32);
  let mix = version;
  for (; at < end; at += 4) mix = Math.imul(mix ^ get32(bytes, at), 0x9e3779b1);
  return mix;
}

function sameAddresses(bytes: Uint8Array, slot: number): boolean {
  if (open[slot + PAIR] !== packet.pair || open[slot + VERSION] !== packet.version) return false;
  return packet.version === 4
    ? same(bytes, packet.offset + IPV4_SOURCE, open[slot + AT] + IPV4_SOURCE, 8)
    : same(bytes, packet.offset + IPV6_SOURCE, open[slot + AT] + IPV6_SOURCE, 32);
}

/** The open superpacket of the packet's flow, or -1. */
function find(bytes: Uint8Array): number {
  for (let slot = 0; slot < openEnd; slot += SLOT) {
    const candidate = open[slot + PORTS] === packet.ports && open[slot + PROTOCOL] === packet.protocol;
    if (candidate && sameAddresses(bytes, slot)) return slot;
  }
  return -1;
}

/** Whether a split of the superpacket with this packet at its end would give this very packet. */
function continues(bytes: Uint8Array, slot: number): boolean {
  const first = open[slot + AT];
  const { offset, transport } = packet;
  if (packet.payload > open[slot + PAYLOAD] || open[slot + BYTES] + packet.payload > LONGEST) return false;
  if (packet.protocol === UDP && open[slot + PACKETS] >= MOST_DATAGRAMS) return false;
  if (packet.version === 4) {
    if (bytes[offset + IPV4_TOS] !== bytes[first + IPV4_TOS]) return false;
    if (bytes[offset + IPV4_TTL] !== bytes[first + IPV4_TTL]) return false;
    const fragment = get16(bytes, first + IPV4_FRAGMENT);
    if (get16(bytes, offset + IPV4_FRAGMENT) !== fragment) return false;
    const id = (get16(bytes, first + IPV4_ID) + open[slot + PACKETS]) & 0xffff;
    if ((fragment & IPV4_DF) === 0 && get16(bytes, offset + IPV4_ID) !== id) return false;
  } else {
    // Version, traffic class and flow label are the first word.
    if (get32(bytes, offset) !== get32(bytes, first)) return false;
    if (bytes[offset + IPV6_HOP_LIMIT] !== bytes[first + IPV6_HOP_LIMIT]) return false;
  }
  if (packet.protocol === TCP && !continuesTcp(bytes, offset + transport, first + transport, slot)) return false;

  // The costly part comes last, and for the first packet only when a second one fits.
  if (open[slot + PACKETS] === 1 && !intact(bytes, first, open[slot + FIRST_BYTES])) return false;
  return intact(bytes, offset, packet.length);
}

function continuesTcp(bytes: Uint8Array, tcp: number, first: number, slot: number): boolean {
  if (packet.headers !== open[slot + HEADERS]) return false;
  // A split leaves CWR to the first packet alone.
  if ((packet.flags & ~TCP_ENDS) !== (bytes[first + TCP_FLAGS] & ~TCP_CWR)) return false;
  const sent = open[slot + BYTES] - packet.headers;
  if (get32(bytes, tcp + TCP_SEQUENCE) !== ((get32(bytes, first + TCP_SEQUENCE) + sent) | 0)) return false;
  return (
    get32(bytes, tcp + TCP_ACKNOWLEDGEMENT) === get32(bytes, first + TCP_ACKNOWLEDGEMENT) &&
    bytes[tcp + TCP_DATA_OFFSET] === bytes[first + TCP_DATA_OFFSET] &&
    get16(bytes, tcp + TCP_WINDOW) === get16(bytes, first + TCP_WINDOW) &&
    get16(bytes, tcp + TCP_URGENT) === get16(bytes, first + TCP_URGENT) &&
    same(bytes, tcp + TCP_HEADER, first + TCP_HEADER, packet.headers - packet.transport - TCP_HEADER)
  );
}

/** Whether the checksums of a packet of the flow in hand are right. */
function intact(bytes: Uint8Array, offset: number, length: number): boolean {
  const { version, transport, protocol } = packet;
  if (version === 4 && fold(partialSum(bytes, offset, IPV4_HEADER)) !== 0xffff) return false;
  const transportLength = length - transport;
  const pseudo = pseudoHeaderSum(bytes, offset, version, protocol, transportLength);
  return fold(pseudo + partialSum(bytes, offset + transport, transportLength)) === 0xffff;
}

function begin(bytes: Uint8Array, index: number): void {
  if (openEnd === open.length) {
    let oldest = 0;
    for (let slot = SLOT; slot < openEnd; slot += SLOT) if (open[slot + FIRST] < open[oldest + FIRST]) oldest = slot;
    finish(bytes, oldest);
  }
  const slot = openEnd;
  openEnd += SLOT;
  open[slot + AT] = packet.offset;
  open[slot + BYTES] = packet.length;
  open[slot + VERSION] = packet.version;
  open[slot + PROTOCOL] = packet.protocol;
  open[slot + PAIR] = packet.pair;
  open[slot + PORTS] = packet.ports;
  open[slot + HEADERS] = packet.headers;
  open[slot + PAYLOAD] = packet.payload;
  open[slot + FIRST] = index;
  open[slot + LATEST] = index;
  open[slot + PACKETS] = 1;
  open[slot + FIRST_BYTES] = packet.length;
}

function append(slot: number, index: number): void {
  next[open[slot + LATEST]] = index;
  skip[index] = packet.headers;
  open[slot + LATEST] = index;
  open[slot + LATEST_FLAGS] = packet.flags;
  open[slot + BYTES] += packet.payload;
  open[slot + PACKETS]++;
}

/** Closes a superpacket: its headers now speak for all of it. The last slot takes the freed one's place. */
function finish(bytes: Uint8Array, slot: number): void {
  if (open[slot + PACKETS] > 1) writeHeaders(bytes, slot);
  openEnd -= SLOT;
  if (slot !== openEnd) open.copyWithin(slot, openEnd, openEnd + SLOT);
}

function writeHeaders(bytes: Uint8Array, slot: number): void {
  const at = open[slot + AT];
  const length = open[slot + BYTES];
  const version = open[slot + VERSION];
  const protocol = open[slot + PROTOCOL];
  const ipHeader = version === 4 ? IPV4_HEADER : IPV6_HEADER;
  const transport = at + ipHeader;
  const transportLength = length - ipHeader;
  if (version === 4) {
    put16(bytes, at + IPV4_TOTAL_LENGTH, length);
    put16(bytes, at + IPV4_CHECKSUM, 0);
    put16(bytes, at + IPV4_CHECKSUM, ~fold(partialSum(bytes, at, IPV4_HEADER)));
  } else {
    put16(bytes, at + IPV6_PAYLOAD_LENGTH, length - IPV6_HEADER);
  }
  const pseudo = fold(pseudoHeaderSum(bytes, at, version, protocol, transportLength));
  let gso = GSO_UDP_L4;
  let checksum = UDP_CHECKSUM;
  if (protocol === TCP) {
    gso = version === 4 ? GSO_TCPV4 : GSO_TCPV6;
    checksum = TCP_CHECKSUM;
    if ((bytes[transport + TCP_FLAGS] & TCP_CWR) !== 0) gso |= GSO_ECN;
    bytes[transport + TCP_FLAGS] |= open[slot + LATEST_FLAGS] & TCP_ENDS;
  } else {
    put16(bytes, transport + UDP_LENGTH, transportLength);
  }
  put16(bytes, transport + checksum, pseudo);
  writeVirtioPartial(bytes, at - VIRTIO_HEADER, gso, open[slot + HEADERS], open[slot + PAYLOAD], ipHeader, checksum);
}

/** Sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1). */
function pseudoHeaderSum(bytes: Uint8Array, ip: number, version: number, protocol: number, length: number): number {
  return addressSum(bytes, ip, version) + protocol + length;
}

/** Writes the records of a run: each packet that is no continuation, and behind it what continues it. */
function emit(packets: Int32Array, joined: Int32Array, start: number, count: number): void {
  let row = start * RECORD;
  for (let first = 0; first < count; first++) {
    if (skip[first] !== 0) continue;
    for (let i = first; i >= 0; i = next[i]) {
      const packet = (start + i) * RECORD;
      joined.fill(0, row, row + RECORD);
      joined[row + OFFSET] = packets[packet + OFFSET] + skip[i];
      joined[row + LENGTH] = packets[packet + LENGTH] - skip[i];
      if (next[i] >= 0) joined[row + FLAGS] = MORE;
      row += RECORD;
    }
  }
}

function same(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
