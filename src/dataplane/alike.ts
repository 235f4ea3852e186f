/**
 * What frames of one message have in common: GRO joins datagrams of one source port, so most messages hold a run of one
 * flow. Where a frame was accepted, one that is the same in the bits below would be accepted too, for the same reasons:
 * none of the others is looked at on the way in but by `join`, and the transport's checksum (src/core/unfinished.ts).
 *
 * ```
 *   VXLAN 8 | Ethernet 14 | IPv4 20, or IPv6 40 | TCP up to its flags, or UDP
 *   all     | all         | below               | SYN only
 * ```
 */
import { type IpView, TCP, UDP } from '../wire/ip.js';
import { IPV4_CHECKSUM, IPV4_HEADER, IPV4_ID, IPV4_TTL } from '../wire/ipv4.js';
import { IPV6_HEADER, IPV6_HOP_LIMIT } from '../wire/ipv6.js';
import { TCP_FLAGS, TCP_SYN } from '../wire/tcp.js';
import { ENCAPSULATION } from '../wire/vxlan.js';

const IPV4_UDP = mask(ipv4(), []);
const IPV4_TCP = mask(ipv4(), syn());
const IPV6_UDP = mask(ipv6(), []);
const IPV6_TCP = mask(ipv6(), syn());

/**
 * HOT. The bits of a frame, from its VXLAN header on, in which others must be the same as one with this packet that was
 * accepted; undefined: each is to be looked at. Not for SYNs.
 */
export function alikeMask(view: IpView): Uint8Array | undefined {
  const { version, protocol, transport, fragment } = view;
  if (fragment || transport !== (version === 4 ? IPV4_HEADER : IPV6_HEADER)) return undefined;
  if (protocol === TCP) return version === 4 ? IPV4_TCP : IPV6_TCP;
  if (protocol === UDP) return version === 4 ? IPV4_UDP : IPV6_UDP;
  return undefined;
}

function mask(ip: number[], transport: number[]): Uint8Array {
  return Uint8Array.from([...Array<number>(ENCAPSULATION).fill(0xff), ...ip, ...transport]);
}

/** All but identification, TTL and header checksum. */
function ipv4(): number[] {
  const all = Array<number>(IPV4_HEADER).fill(0xff);
  return all
    .fill(0, IPV4_ID, IPV4_ID + 2)
    .fill(0, IPV4_TTL, IPV4_TTL + 1)
    .fill(0, IPV4_CHECKSUM, IPV4_CHECKSUM + 2);
}

/** All but flow label and hop limit. */
function ipv6(): number[] {
  const all = Array<number>(IPV6_HEADER).fill(0xff);
  all[1] = 0xf0;
  return all.fill(0, 2, 4).fill(0, IPV6_HOP_LIMIT, IPV6_HOP_LIMIT + 1);
}

function syn(): number[] {
  return [...Array<number>(TCP_FLAGS).fill(0), TCP_SYN];
}
