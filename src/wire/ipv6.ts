/**
 * IPv6 header (RFC 8200 §3) and its extension headers (§4).
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------+---------------+---------------------------------------+
 *  |   6   | traffic class |              flow label               |
 *  +-------+---------------+-------+---------------+---------------+
 *  |        payload length         |  next header  |   hop limit   |
 *  +-------------------------------+---------------+---------------+
 *  |                       source, 16 bytes                        |
 *  |                     destination, 16 bytes                     |
 *  +---------------------------------------------------------------+
 *
 *  hop-by-hop, routing, destination options        fragment
 *  +-------------+-------------+-----------+       +-------------+------+------------+--+-+
 *  | next header | length/8 -1 |   ...     |       | next header |  0   | offset / 8 |0 |M|
 *  +-------------+-------------+-----------+       +-------------+------+------------+--+-+
 *  authentication header: length/4 - 2             |            identification            |
 *                                                  +--------------------------------------+
 * ```
 */
import { writeWords } from './address.js';
import { put16 } from './big-endian.js';

/** Bytes of the fixed header. */
export const IPV6_HEADER = 40;
/** Every link carries packets of this size whole (RFC 8200 §5). */
export const IPV6_MIN_MTU = 1280;

/** Offsets in the header. */
export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const IPV6_HOP_LIMIT = 7;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;

/** Extension headers, as numbered in a next header field. */
export const HOP_BY_HOP = 0;
export const ROUTING = 43;
export const FRAGMENT = 44;
export const AUTHENTICATION = 51;
export const NO_NEXT_HEADER = 59;
export const DESTINATION_OPTIONS = 60;

/** In the 16 bits at offset 2 of a fragment header. */
export const FRAGMENT_MORE = 0x0001;
/** The offset in bytes, as it stands. */
export const FRAGMENT_OFFSET_MASK = 0xfff8;

/** Whether a next header value names an extension header that is walked over. */
export function isExtensionHeader(nextHeader: number): boolean {
  return (
    nextHeader === HOP_BY_HOP ||
    nextHeader === ROUTING ||
    nextHeader === FRAGMENT ||
    nextHeader === AUTHENTICATION ||
    nextHeader === DESTINATION_OPTIONS
  );
}

/** Size of the extension header at `at`, bytes; 8 at least. */
export function extensionHeaderSize(bytes: Uint8Array, at: number, kind: number): number {
  if (kind === FRAGMENT) return 8;
  if (kind === AUTHENTICATION) return (bytes[at + 1] + 2) * 4;
  return (bytes[at + 1] + 1) * 8;
}

/**
 * Writes the fixed header, traffic class and flow label 0.
 * @param payloadLength bytes behind the header
 * @param source four words
 * @param destination four words
 */
export function writeIpv6Header(
  bytes: Uint8Array,
  at: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  source: ArrayLike<number>,
  destination: ArrayLike<number>,
): void {
  bytes[at] = 0x60;
  bytes[at + 1] = 0;
  put16(bytes, at + 2, 0);
  put16(bytes, at + IPV6_PAYLOAD_LENGTH, payloadLength);
  bytes[at + IPV6_NEXT_HEADER] = nextHeader;
  bytes[at + IPV6_HOP_LIMIT] = hopLimit;
  writeWords(source, bytes, at + IPV6_SOURCE);
  writeWords(destination, bytes, at + IPV6_DESTINATION);
}
