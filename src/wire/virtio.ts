/**
 * `struct virtio_net_hdr` (Virtual I/O Device 1.2, §5.1.6), as Linux puts it before every packet of a TUN device opened
 * with IFF_VNET_HDR: what of the packet is still to be done.
 *
 * ```
 *  0       1       2               4               6               8              10
 *  +-------+-------+---------------+---------------+---------------+---------------+
 *  | flags |  gso  | header length |   gso size    |   sum start   |  sum offset   |
 *  +-------+-------+---------------+---------------+---------------+---------------+
 * ```
 *
 * Its 16-bit fields are little-endian, on any machine (`TUNSETVNETLE`).
 * NEEDS_CSUM: the 16 bits at `sum start + sum offset` hold the pseudo-header's sum; the checksum of all from `sum start`
 * is to be put there. gso: a superpacket, to be cut into packets with `gso size` bytes of payload each.
 */
import { VIRTIO_HEADER } from '../bytes/batch.js';

/** Bits of the flags. */
export const VIRTIO_NEEDS_CSUM = 1;

/** Values of gso. */
export const GSO_NONE = 0;
export const GSO_TCPV4 = 1;
export const GSO_TCPV6 = 4;
export const GSO_UDP_L4 = 5;
/** Added to a TCP value: CWR is set on the first segment only. */
export const GSO_ECN = 0x80;

const FLAGS = 0;
const GSO = 1;
const HEADER_LENGTH = 2;
const GSO_SIZE = 4;
const SUM_START = 6;
const SUM_OFFSET = 8;

export function needsChecksum(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + FLAGS] & VIRTIO_NEEDS_CSUM) !== 0;
}

/** `GSO_NONE`, `GSO_TCPV4`, `GSO_TCPV6`, `GSO_UDP_L4`, or a value of a kind that was never asked for; without `GSO_ECN`. */
export function gsoType(bytes: Uint8Array, at: number): number {
  return bytes[at + GSO] & ~GSO_ECN;
}

/** Payload bytes in each segment but the last. */
export function gsoSize(bytes: Uint8Array, at: number): number {
  return getLittle16(bytes, at + GSO_SIZE);
}

/** From the packet's start to the payload: a hint that is not to be relied on. */
export function headerLength(bytes: Uint8Array, at: number): number {
  return getLittle16(bytes, at + HEADER_LENGTH);
}

/** From the packet's start to the first byte that is summed. */
export function sumStart(bytes: Uint8Array, at: number): number {
  return getLittle16(bytes, at + SUM_START);
}

/** From there to the checksum field. */
export function sumOffset(bytes: Uint8Array, at: number): number {
  return getLittle16(bytes, at + SUM_OFFSET);
}

/** Writes the header of a packet with nothing left to do. */
export function writeVirtioDone(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < VIRTIO_HEADER; i++) bytes[at + i] = 0;
}

/** Writes the header of a packet whose checksum is to be completed, and, unless `gso` is `GSO_NONE`, which is to be cut. */
export function writeVirtioPartial(
  bytes: Uint8Array,
  at: number,
  gso: number,
  headerBytes: number,
  segment: number,
  start: number,
  offset: number,
): void {
  bytes[at + FLAGS] = VIRTIO_NEEDS_CSUM;
  bytes[at + GSO] = gso;
  putLittle16(bytes, at + HEADER_LENGTH, headerBytes);
  putLittle16(bytes, at + GSO_SIZE, segment);
  putLittle16(bytes, at + SUM_START, start);
  putLittle16(bytes, at + SUM_OFFSET, offset);
}

function getLittle16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

function putLittle16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
}
