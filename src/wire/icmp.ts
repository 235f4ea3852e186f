/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443) messages. Both begin alike; an error quotes the beginning of what it is about.
 *
 * ```
 *  0               8               16                            31
 *  +---------------+---------------+-------------------------------+
 *  |     type      |     code      |           checksum            |
 *  +---------------+---------------+-------------------------------+
 *  |  errors: unused; in "too big" the next hop's MTU, ICMP in the |
 *  |  lower 16 bits (RFC 1191 §4), ICMPv6 in all 32                |
 *  +---------------------------------------------------------------+
 *  |  errors: the packet, from its IP header on                    |
 *  +---------------------------------------------------------------+
 * ```
 */

/** Bytes before the quoted packet. */
export const ICMP_HEADER = 8;

/** Offsets in the header. */
export const ICMP_TYPE = 0;
export const ICMP_CODE = 1;
export const ICMP_CHECKSUM = 2;
/** The next hop's MTU: 32 bits in ICMPv6; in ICMP the upper 16 of them are 0. */
export const ICMP_MTU = 4;

/** ICMP types and codes. */
export const ICMP_UNREACHABLE = 3;
export const ICMP_NET_UNREACHABLE = 0;
export const ICMP_FRAGMENTATION_NEEDED = 4;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

/** ICMPv6 types and codes. */
export const ICMPV6_UNREACHABLE = 1;
export const ICMPV6_NO_ROUTE = 0;
export const ICMPV6_TOO_BIG = 2;
export const ICMPV6_REDIRECT = 137;

/** Whether an ICMP type is an error or a redirect: what no ICMP error is sent about (RFC 1122 §3.2.2). */
export function isIcmpError(type: number): boolean {
  return (
    type === ICMP_UNREACHABLE ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETER_PROBLEM
  );
}

/** Whether an ICMPv6 type is an error (the upper bit is clear) or a redirect (RFC 4443 §2.4e). */
export function isIcmpv6Error(type: number): boolean {
  return type < 128 || type === ICMPV6_REDIRECT;
}
