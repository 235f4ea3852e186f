/** An IP packet of either version, read in place. The formats are in ipv4.ts and ipv6.ts. */
import { fold, sum, updateChecksum } from '../bytes/checksum.js';
import { V4_MAPPED } from './address.js';
import { get16, get32, put16 } from './big-endian.js';
import {
  IPV4_CHECKSUM,
  IPV4_DESTINATION,
  IPV4_DF,
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_MF,
  IPV4_OFFSET_MASK,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
} from './ipv4.js';
import {
  extensionHeaderSize,
  FRAGMENT,
  FRAGMENT_MORE,
  FRAGMENT_OFFSET_MASK,
  IPV6_DESTINATION,
  IPV6_HEADER,
  IPV6_HOP_LIMIT,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
  isExtensionHeader,
  NO_NEXT_HEADER,
} from './ipv6.js';

/** Upper-layer protocols. */
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;
export const SCTP = 132;

/** An IP packet, or a datagram put together from fragments, is never longer. */
export const MAX_PACKET = 65_535;

/** ECN's part of the TOS or traffic class. */
const ECN_BITS = 3;

/** Extension headers walked before the upper-layer header counts as not found. */
const MAX_EXTENSIONS = 8;

/**
 * One view is made once and pointed at packet after packet: `parse` allocates nothing. All fields belong to the packet
 * of the last `parse` that returned true.
 */
export class IpView {
  version: 4 | 6 = 4;
  bytes: Buffer = Buffer.alloc(0);
  /** First byte of the packet in `bytes`. */
  offset = 0;
  /** Bytes of the packet, as its header says; bytes behind it, such as Ethernet padding, are not part of it. */
  length = 0;
  /** Bytes of the IPv4 header with its options; 40 for IPv6. */
  headerLength = 0;
  /** Upper-layer protocol; where the walk over extension headers ended early, the number of the one it ended at. */
  protocol = 0;
  /**
   * Bytes from `offset` to the upper-layer header, at least one byte of which is there. -1: there is none, which is
   * also so for fragments but the first.
   */
  transport = -1;
  /** Whether this is part of a datagram. An IPv6 fragment header around a whole one (RFC 6946) does not count. */
  fragment = false;
  /** Bytes of the datagram's payload that come before this packet's. */
  fragmentOffset = 0;
  moreFragments = false;
  /** The DF bit; always true for IPv6. */
  dontFragment = false;
  /** Traffic class, or type of service: DSCP and, in the low two bits, ECN. */
  trafficClass = 0;
  /** Hop limit, or time to live. */
  hopLimit = 0;
  /** Addresses as signed words, most significant first, IPv4 as ::ffff:a.b.c.d. */
  src0 = 0;
  src1 = 0;
  src2 = 0;
  src3 = 0;
  dst0 = 0;
  dst1 = 0;
  dst2 = 0;
  dst3 = 0;

  /**
   * Reads the packet at `offset`. The checksum of an IPv4 header is not looked at: `headerSumOk` does.
   * @param length bytes that are there, all of them inside `bytes`
   * @returns whether it is a whole IPv4 or IPv6 packet
   */
  parse(bytes: Buffer, offset: number, length: number): boolean {
    if (length < IPV4_HEADER) return false;
    const version = bytes[offset] >> 4;
    if (version === 4) return this.#parse4(bytes, offset, length);
    if (version === 6) return this.#parse6(bytes, offset, length);
    return false;
  }

  #parse4(bytes: Buffer, offset: number, available: number): boolean {
    const headerLength = (bytes[offset] & 0x0f) * 4;
    const length = get16(bytes, offset + IPV4_TOTAL_LENGTH);
    if (headerLength < IPV4_HEADER || length < headerLength || length > available) return false;
    const fragmentBits = get16(bytes, offset + IPV4_FRAGMENT);
    const fragmentOffset = (fragmentBits & IPV4_OFFSET_MASK) * 8;
    if (fragmentOffset + length > MAX_PACKET) return false;

    this.version = 4;
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.headerLength = headerLength;
    this.protocol = bytes[offset + IPV4_PROTOCOL];
    this.transport = fragmentOffset === 0 && headerLength < length ? headerLength : -1;
    this.fragmentOffset = fragmentOffset;
    this.moreFragments = (fragmentBits & IPV4_MF) !== 0;
    this.fragment = this.moreFragments || fragmentOffset !== 0;
    this.dontFragment = (fragmentBits & IPV4_DF) !== 0;
    this.trafficClass = bytes[offset + IPV4_TOS];
    this.hopLimit = bytes[offset + IPV4_TTL];
    this.src0 = 0;
    this.src1 = 0;
    this.src2 = V4_MAPPED;
    this.src3 = get32(bytes, offset + IPV4_SOURCE);
    this.dst0 = 0;
    this.dst1 = 0;
    this.dst2 = V4_MAPPED;
    this.dst3 = get32(bytes, offset + IPV4_DESTINATION);
    return true;
  }

  #parse6(bytes: Buffer, offset: number, available: number): boolean {
    if (available < IPV6_HEADER) return false;
    const payload = get16(bytes, offset + IPV6_PAYLOAD_LENGTH);
    const length = IPV6_HEADER + payload;
    // A payload length of 0 is a jumbogram's (RFC 2675); none fits a tunnel.
    if (payload === 0 || length > available) return false;

    this.version = 6;
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.headerLength = IPV6_HEADER;
    this.dontFragment = true;
    this.trafficClass = (get16(bytes, offset) >> 4) & 0xff;
    this.hopLimit = bytes[offset + IPV6_HOP_LIMIT];
    this.src0 = get32(bytes, offset + IPV6_SOURCE);
    this.src1 = get32(bytes, offset + IPV6_SOURCE + 4);
    this.src2 = get32(bytes, offset + IPV6_SOURCE + 8);
    this.src3 = get32(bytes, offset + IPV6_SOURCE + 12);
    this.dst0 = get32(bytes, offset + IPV6_DESTINATION);
    this.dst1 = get32(bytes, offset + IPV6_DESTINATION + 4);
    this.dst2 = get32(bytes, offset + IPV6_DESTINATION + 8);
    this.dst3 = get32(bytes, offset + IPV6_DESTINATION + 12);
    return this.#walk(bytes, offset, length);
  }

  /** Walks the extension headers. False for a fragment that reaches behind the largest datagram. */
  #walk(bytes: Buffer, offset: number, length: number): boolean {
    this.fragment = false;
    this.fragmentOffset = 0;
    this.moreFragments = false;
    this.transport = -1;
    let next = bytes[offset + IPV6_NEXT_HEADER];
    let at = IPV6_HEADER;
    for (let walked = 0; isExtensionHeader(next); walked++) {
      this.protocol = next;
      if (walked === MAX_EXTENSIONS || at + 8 > length) return true;
      const size = extensionHeaderSize(bytes, offset + at, next);
      if (at + size > length) return true;
      if (next === FRAGMENT) {
        const bits = get16(bytes, offset + at + 2);
        this.fragmentOffset = bits & FRAGMENT_OFFSET_MASK;
        this.moreFragments = (bits & FRAGMENT_MORE) !== 0;
        this.fragment = this.moreFragments || this.fragmentOffset !== 0;
      }
      next = bytes[offset + at];
      at += size;
      if (this.fragment) break;
    }
    this.protocol = next;
    if (this.fragmentOffset !== 0) return this.fragmentOffset + length - at <= MAX_PACKET;
    // A first fragment's extension headers behind the fragment header are left unread: fragments go by their addresses.
    if (at < length && next !== NO_NEXT_HEADER && !isExtensionHeader(next)) this.transport = at;
    return true;
  }

  /** Whether the IPv4 header's checksum is right; IPv6 has none. */
  headerSumOk(): boolean {
    return this.version === 6 || sum(this.bytes, this.offset, this.headerLength, 0) === 0xffff;
  }

  /**
   * Ones' complement sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1), folded and not complemented, for an
   * upper-layer packet from `transport` to the packet's end.
   */
  pseudoHeaderSum(): number {
    // IPv4's mapped words add 0xffff twice, which is nothing in ones' complement.
    const addresses =
      halves(this.src0) +
      halves(this.src1) +
      halves(this.src2) +
      halves(this.src3) +
      halves(this.dst0) +
      halves(this.dst1) +
      halves(this.dst2) +
      halves(this.dst3);
    return fold(addresses + this.protocol + this.length - this.transport);
  }

  /** Changes the ECN bits (RFC 3168 §5), in place, and the checksum of an IPv4 header with them (RFC 1624, equation 3). */
  setEcn(ecn: number): void {
    const { bytes, offset } = this;
    const before = get16(bytes, offset);
    if (this.version === 6) {
      // The traffic class lies across the first two bytes: its last two bits are the fifth and sixth of the second.
      put16(bytes, offset, (before & ~0x30) | (ecn << 4));
    } else {
      const after = (before & ~ECN_BITS) | ecn;
      put16(bytes, offset, after);
      put16(bytes, offset + IPV4_CHECKSUM, updateChecksum(get16(bytes, offset + IPV4_CHECKSUM), before, after));
    }
    this.trafficClass = (this.trafficClass & ~ECN_BITS) | ecn;
  }
}

/** Bytes of the IP packet at `at`, as its header says; 0 if not even that is there, or it is of no known version. */
export function ipLength(bytes: Uint8Array, at: number, available: number): number {
  if (available < IPV4_HEADER) return 0;
  if (bytes[at] >> 4 === 4) return get16(bytes, at + IPV4_TOTAL_LENGTH);
  return bytes[at] >> 4 === 6 ? IPV6_HEADER + get16(bytes, at + IPV6_PAYLOAD_LENGTH) : 0;
}

/** The two halves of a word, added. */
function halves(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}

/** Whether the source is no host's own address, or none that crosses a routed overlay. Replies to it would go astray. */
export function martianSource(view: IpView): boolean {
  return view.version === 4 ? martian4(view.src3) : martian6(view.src0, view.src1, view.src2);
}

/** Whether the destination is none that crosses a routed overlay: multicast, broadcast, loopback, link-local, reserved. */
export function martianDestination(view: IpView): boolean {
  return view.version === 4 ? martian4(view.dst3) : martian6(view.dst0, view.dst1, view.dst2);
}

/** Whether the source is an IPv6 link-local address (fe80::/10). */
export function isLinkLocalSource(view: IpView): boolean {
  return view.version === 6 && (view.src0 & 0xffc0_0000) === (0xfe80_0000 | 0);
}

/** 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4, and 240.0.0.0/4 with the limited broadcast (RFC 6890). */
function martian4(word: number): boolean {
  const first = word >>> 24;
  return first === 0 || first === 127 || first >= 224;
}

/** ff00::/8, fe80::/10, and below ::/80 what is ::, ::1, or IPv4 in disguise (::/96, ::ffff:0:0/96). */
function martian6(a: number, b: number, c: number): boolean {
  if (a === 0 && b === 0) return c === 0 || c === V4_MAPPED;
  return a >>> 24 === 0xff || (a & 0xffc0_0000) === (0xfe80_0000 | 0);
}
