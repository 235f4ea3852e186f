/**
 * UDP header (RFC 768).
 *
 * ```
 *  0                               16                            31
 *  +-------------------------------+-------------------------------+
 *  |          source port          |       destination port        |
 *  +-------------------------------+-------------------------------+
 *  |   length, header included     |  checksum; 0: none (not IPv6) |
 *  +-------------------------------+-------------------------------+
 * ```
 */
import { put16 } from './big-endian.js';

export const UDP_HEADER = 8;
/** Ports are 16 bits. */
export const MAX_PORT = 0xffff;

/** Offsets in the header. */
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;

/** Writes a header whose checksum is still 0. */
export function writeUdpHeader(
  bytes: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  payloadLength: number,
): void {
  put16(bytes, at, sourcePort);
  put16(bytes, at + 2, destinationPort);
  put16(bytes, at + UDP_LENGTH, UDP_HEADER + payloadLength);
  put16(bytes, at + UDP_CHECKSUM, 0);
}
