/**
 * The ICMP errors that a router owes a sender (RFC 792, 1122, 1191, 4443): what may be answered, and the answers. The
 * quoted packet is copied as it is, so a transport checksum that is still partial stays so.
 */
import { sum } from '../bytes/checksum.js';
import { put16, put32 } from '../wire/big-endian.js';
import {
  ICMP_CHECKSUM,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER,
  ICMP_MTU,
  ICMP_NET_UNREACHABLE,
  ICMP_TYPE,
  ICMP_UNREACHABLE,
  ICMPV6_NO_ROUTE,
  ICMPV6_TOO_BIG,
  ICMPV6_UNREACHABLE,
  isIcmpError,
  isIcmpv6Error,
} from '../wire/icmp.js';
import { ICMP, ICMPV6, type IpView, martianDestination, martianSource } from '../wire/ip.js';
import { IPV4_HEADER, writeIpv4Header } from '../wire/ipv4.js';
import { IPV6_DESTINATION, IPV6_HEADER, IPV6_MIN_MTU, IPV6_SOURCE, writeIpv6Header } from '../wire/ipv6.js';

/** No ICMP error is longer (RFC 1812 §4.3.2.3). */
const ICMP_MOST = 576;
/** No error of either family is longer: the room a writer needs. */
export const ICMP_ERROR_MOST = IPV6_MIN_MTU;

const HOP_LIMIT = 64;
/** Internetwork control, as routers send errors (RFC 1812 §4.3.2.5). */
const TOS = 0xc0;

/**
 * Whether an ICMP error may be sent about a packet (RFC 1122 §3.2.2, RFC 4443 §2.4e): not about another ICMP error or a
 * redirect, not about fragments but the first, not where the source is no single host or the destination is many. A
 * packet whose upper-layer header cannot be found might be any of these.
 */
export function mayAnswer(view: IpView): boolean {
  if (view.transport === -1 || martianSource(view) || martianDestination(view)) return false;
  const type = view.bytes[view.offset + view.transport + ICMP_TYPE];
  if (view.protocol === ICMP) return view.version === 4 && !isIcmpError(type);
  if (view.protocol === ICMPV6) return view.version === 6 && !isIcmpv6Error(type);
  return true;
}

/**
 * Writes "too big": the path takes packets of `mtu` bytes. IPv6 is never told less than 1280, which it could not use.
 * @param source the answer's source, four words of the packet's family
 * @param target takes `ICMP_ERROR_MOST` bytes from `at`; must not overlap the packet
 * @returns bytes written
 */
export function writeTooBig(view: IpView, mtu: number, source: ArrayLike<number>, target: Buffer, at: number): number {
  return view.version === 4
    ? writeError4(view, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu, source, target, at)
    : writeError6(view, ICMPV6_TOO_BIG, 0, Math.max(mtu, IPV6_MIN_MTU), source, target, at);
}

/**
 * Writes "unreachable": no peer owns the destination. IPv4: net unreachable, since the whole subnet has no owner, and
 * a router without a route says so (RFC 1812 §5.2.7.1); IPv6: no route.
 * @param source the answer's source, four words of the packet's family
 * @param target takes `ICMP_ERROR_MOST` bytes from `at`; must not overlap the packet
 * @returns bytes written
 */
export function writeUnreachable(view: IpView, source: ArrayLike<number>, target: Buffer, at: number): number {
  return view.version === 4
    ? writeError4(view, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0, source, target, at)
    : writeError6(view, ICMPV6_UNREACHABLE, ICMPV6_NO_ROUTE, 0, source, target, at);
}

function writeError4(
  view: IpView,
  type: number,
  code: number,
  mtu: number,
  source: ArrayLike<number>,
  target: Buffer,
  at: number,
): number {
  const quoted = Math.min(view.length, ICMP_MOST - IPV4_HEADER - ICMP_HEADER);
  const length = IPV4_HEADER + ICMP_HEADER + quoted;
  const icmp = at + IPV4_HEADER;
  writeIpv4Header(target, at, length, TOS, HOP_LIMIT, ICMP, source[3], view.src3);
  writeMessage(view, type, code, mtu, quoted, target, icmp);
  put16(target, icmp + ICMP_CHECKSUM, ~sum(target, icmp, ICMP_HEADER + quoted, 0));
  return length;
}

function writeError6(
  view: IpView,
  type: number,
  code: number,
  mtu: number,
  source: ArrayLike<number>,
  target: Buffer,
  at: number,
): number {
  const quoted = Math.min(view.length, ICMP_ERROR_MOST - IPV6_HEADER - ICMP_HEADER);
  const length = ICMP_HEADER + quoted;
  const icmp = at + IPV6_HEADER;
  destination[0] = view.src0;
  destination[1] = view.src1;
  destination[2] = view.src2;
  destination[3] = view.src3;
  writeIpv6Header(target, at, length, ICMPV6, HOP_LIMIT, source, destination);
  writeMessage(view, type, code, mtu, quoted, target, icmp);
  const pseudo = sum(target, at + IPV6_SOURCE, IPV6_DESTINATION + 16 - IPV6_SOURCE, ICMPV6 + length);
  put16(target, icmp + ICMP_CHECKSUM, ~sum(target, icmp, length, pseudo));
  return IPV6_HEADER + length;
}

/** The ICMP header with checksum 0, and the quoted packet. */
function writeMessage(
  view: IpView,
  type: number,
  code: number,
  mtu: number,
  quoted: number,
  target: Buffer,
  icmp: number,
): void {
  put32(target, icmp, (type << 24) | (code << 16));
  put32(target, icmp + ICMP_MTU, mtu);
  view.bytes.copy(target, icmp + ICMP_HEADER, view.offset, view.offset + quoted);
}

const destination = new Int32Array(4);
