/**
 * VXLAN header (RFC 7348 §5), the UDP payload's beginning, and the Ethernet header that follows it.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+-----------------------------------------------+
 *  |0 0 0 0 1 0 0 0|                   reserved                    |
 *  +---------------+-------------------------------+---------------+
 *  |    VXLAN network identifier (VNI)             |   reserved    |
 *  +-----------------------------------------------+---------------+
 *  |  inner Ethernet: destination 6, source 6, ethertype 2         |
 *  +---------------------------------------------------------------+
 * ```
 *
 * The RFC has a receiver ignore reserved bits; Linux drops a frame that has one set. Bits that mean something to
 * others (group policy, GPE, remote checksum offload) change what follows, so this is as strict as Linux.
 */
import type { Family } from './address.js';
import { get32, put32 } from './big-endian.js';
import { ETHERNET_HEADER, ETHERNET_TYPE, writeEthernetHeader } from './ethernet.js';

export const VXLAN_HEADER = 8;
/** Bytes before the inner IP packet: VXLAN and Ethernet headers. */
export const ENCAPSULATION = VXLAN_HEADER + ETHERNET_HEADER;
/** Where, in these bytes, the inner ethertype stands. */
export const ENCAPSULATION_ETHERTYPE = VXLAN_HEADER + ETHERNET_TYPE;
/** VNIs are 24 bits. */
export const MAX_VNI = 0xff_ffff;

/** The largest inner IP packet that an outer one of 65,535 bytes holds. */
export const MAX_MTU = 0xffff - 50;

/** What `checkVxlan` finds. */
export const VXLAN_OK = 0;
/** Too short for VXLAN and Ethernet headers. */
export const VXLAN_TRUNCATED = 1;
/** Flags other than the valid-VNI bit alone, or a reserved bit set. */
export const VXLAN_BAD_FLAGS = 2;
/** Another VNI. */
export const VXLAN_BAD_VNI = 3;

/** The valid-VNI flag in the first word. */
const VALID_VNI = 0x0800_0000;

/** Checks the headers of a received frame of `length` bytes: `VXLAN_OK`, or what is wrong. */
export function checkVxlan(bytes: Uint8Array, at: number, length: number, vni: number): number {
  if (length < ENCAPSULATION) return VXLAN_TRUNCATED;
  if (get32(bytes, at) !== VALID_VNI || bytes[at + 7] !== 0) return VXLAN_BAD_FLAGS;
  return readVni(bytes, at) === vni ? VXLAN_OK : VXLAN_BAD_VNI;
}

/** The VNI of the header at `at`. */
export function readVni(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4) >>> 8;
}

/** Writes a VXLAN header. */
export function writeVxlanHeader(bytes: Uint8Array, at: number, vni: number): void {
  put32(bytes, at, VALID_VNI);
  put32(bytes, at + 4, vni << 8);
}

/** What stands before every inner packet to one peer: 22 bytes, the ethertype left 0 for the packet to decide. */
export function encapsulationPrefix(vni: number, destinationMac: Uint8Array, sourceMac: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(ENCAPSULATION);
  writeVxlanHeader(prefix, 0, vni);
  writeEthernetHeader(prefix, VXLAN_HEADER, destinationMac, sourceMac, 0);
  return prefix;
}

/** Bytes of the outer IP and UDP headers. */
export function outerHeaders(underlay: Family): 28 | 48 {
  return underlay === 4 ? 28 : 48;
}

/** Bytes that the encapsulation adds to an inner IP packet over an underlay of this family, outer IP and UDP included. */
export function overhead(underlay: Family): 50 | 70 {
  return underlay === 4 ? 50 : 70;
}
