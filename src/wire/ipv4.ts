/**
 * IPv4 header (RFC 791 §3.1).
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------+-------+---------------+-------------------------------+
 *  |   4   |  IHL  | type of serv. |         total length          |
 *  +-------+-------+---------------+-----+-------------------------+
 *  |        identification         |0 D M|  fragment offset / 8    |
 *  +---------------+---------------+-----+-------------------------+
 *  | time to live  |   protocol    |        header checksum        |
 *  +---------------+---------------+-------------------------------+
 *  |                            source                             |
 *  +---------------------------------------------------------------+
 *  |                          destination                          |
 *  +---------------------------------------------------------------+
 *  |                    options, 0 to 40 bytes                     |
 *  +---------------------------------------------------------------+
 * ```
 */
import { sum } from '../bytes/checksum.js';
import { put16, put32 } from './big-endian.js';

/** Bytes of a header without options. */
export const IPV4_HEADER = 20;
export const IPV4_MAX_HEADER = 60;
/** Every host takes packets of this size (§3.2), bytes. */
export const IPV4_MIN_MTU = 576;

/** Offsets in the header. */
export const IPV4_TOS = 1;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_ID = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;

/** In the 16 bits at `IPV4_FRAGMENT`. */
export const IPV4_DF = 0x4000;
export const IPV4_MF = 0x2000;
/** The offset, in units of 8 bytes. */
export const IPV4_OFFSET_MASK = 0x1fff;

/**
 * Writes a header of 20 bytes with DF set, identification 0 (RFC 6864: a datagram that cannot be fragmented needs
 * none) and its checksum.
 * @param totalLength bytes of header and payload
 * @param source signed 32-bit word
 * @param destination signed 32-bit word
 */
export function writeIpv4Header(
  bytes: Uint8Array,
  at: number,
  totalLength: number,
  tos: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  bytes[at] = 0x45;
  bytes[at + IPV4_TOS] = tos;
  put16(bytes, at + IPV4_TOTAL_LENGTH, totalLength);
  put16(bytes, at + IPV4_ID, 0);
  put16(bytes, at + IPV4_FRAGMENT, IPV4_DF);
  bytes[at + IPV4_TTL] = ttl;
  bytes[at + IPV4_PROTOCOL] = protocol;
  put32(bytes, at + IPV4_SOURCE, source);
  put32(bytes, at + IPV4_DESTINATION, destination);
  writeIpv4Checksum(bytes, at, IPV4_HEADER);
}

/** Computes and writes the checksum of a header of `headerLength` bytes. */
export function writeIpv4Checksum(bytes: Uint8Array, at: number, headerLength: number): void {
  put16(bytes, at + IPV4_CHECKSUM, 0);
  put16(bytes, at + IPV4_CHECKSUM, ~sum(bytes, at, headerLength, 0));
}
