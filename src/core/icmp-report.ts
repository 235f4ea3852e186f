/** ICMP errors as reports of a path (path-report.ts): what a type and code mean, and what a whole message quotes. */
import { V4_MAPPED } from '../wire/address.js';
import { get16, get32 } from '../wire/big-endian.js';
import {
  ICMP_CODE,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER,
  ICMP_MTU,
  ICMP_TYPE,
  ICMP_UNREACHABLE,
  ICMPV6_TOO_BIG,
  ICMPV6_UNREACHABLE,
} from '../wire/icmp.js';
import { UDP } from '../wire/ip.js';
import { IPV4_DESTINATION, IPV4_HEADER, IPV4_PROTOCOL } from '../wire/ipv4.js';
import { IPV6_DESTINATION, IPV6_HEADER, IPV6_NEXT_HEADER } from '../wire/ipv6.js';
import { UDP_HEADER } from '../wire/udp.js';
import type { PathReport } from './path-report.js';

/** Port unreachable: RFC 792, RFC 4443 §3.1. */
const ICMP_NO_PORT = 3;
const ICMPV6_NO_PORT = 4;

/** What an ICMP error says, by its type and code. */
export function icmpKind(family: 4 | 6, type: number, code: number): PathReport['kind'] {
  if (family === 4 && type === ICMP_UNREACHABLE) {
    if (code === ICMP_FRAGMENTATION_NEEDED) return 'too-big';
    return code === ICMP_NO_PORT ? 'no-port' : 'unreachable';
  }
  if (family === 6 && type === ICMPV6_TOO_BIG) return 'too-big';
  if (family === 6 && type === ICMPV6_UNREACHABLE) return code === ICMPV6_NO_PORT ? 'no-port' : 'unreachable';
  return 'other';
}

/**
 * Reads an ICMP error about a UDP datagram; undefined: it is none, or too short to say.
 * @param message from the ICMP header on; its checksum is not looked at: the kernel has done that
 */
export function readIcmpReport(message: Uint8Array, family: 4 | 6): PathReport | undefined {
  const kind = message.length < ICMP_HEADER ? 'other' : icmpKind(family, message[ICMP_TYPE], message[ICMP_CODE]);
  if (kind === 'other') return undefined;
  const ip = message.subarray(ICMP_HEADER);
  const header = family === 4 ? (ip[0] & 0x0f) * 4 : IPV6_HEADER;
  const protocol = ip[family === 4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER];
  if (ip[0] >> 4 !== family || header < IPV4_HEADER || ip.length < header + UDP_HEADER || protocol !== UDP) {
    return undefined;
  }
  return {
    kind,
    mtu: kind === 'too-big' ? get32(message, ICMP_MTU) >>> 0 : 0,
    destination:
      family === 4
        ? [0, 0, V4_MAPPED, get32(ip, IPV4_DESTINATION)]
        : [0, 4, 8, 12].map((at) => get32(ip, IPV6_DESTINATION + at)),
    port: get16(ip, header + 2),
    quoted: ip.subarray(header + UDP_HEADER),
  };
}
