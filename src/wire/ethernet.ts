/**
 * Ethernet II header (IEEE 802.3, RFC 894, RFC 2464).
 *
 * ```
 *  0               6               12              14
 *  +---------------+---------------+---------------+---------
 *  |  destination  |    source     |   ethertype   | payload
 *  +---------------+---------------+---------------+---------
 * ```
 */
import { get32, put16 } from './big-endian.js';

export const ETHERNET_HEADER = 14;
export const MAC_BYTES = 6;

/** Offsets in the header. */
export const ETHERNET_DESTINATION = 0;
export const ETHERNET_SOURCE = 6;
export const ETHERNET_TYPE = 12;

/** Ethertypes. */
export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

/** Whether the address at `at` is `mac`. */
export function macEquals(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  return (
    bytes[at + 5] === mac[5] &&
    bytes[at + 4] === mac[4] &&
    bytes[at + 3] === mac[3] &&
    bytes[at + 2] === mac[2] &&
    bytes[at + 1] === mac[1] &&
    bytes[at] === mac[0]
  );
}

/** Whether the address at `at` is a group's: multicast or broadcast. */
export function macIsGroup(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] & 1) !== 0;
}

/** Whether the address at `at` is all zero. */
export function macIsZero(bytes: Uint8Array, at: number): boolean {
  return (get32(bytes, at) | bytes[at + 4] | bytes[at + 5]) === 0;
}

/** Copies six bytes; the two may lie in one buffer. */
export function copyMac(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  for (let i = 0; i < MAC_BYTES; i++) to[toAt + i] = from[fromAt + i];
}

/** Writes a header. */
export function writeEthernetHeader(
  bytes: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  ethertype: number,
): void {
  copyMac(destination, 0, bytes, at + ETHERNET_DESTINATION);
  copyMac(source, 0, bytes, at + ETHERNET_SOURCE);
  put16(bytes, at + ETHERNET_TYPE, ethertype);
}
