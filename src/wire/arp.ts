/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 * ```
 *  0                               16                            31
 *  +-------------------------------+-------------------------------+
 *  |     hardware: 1, Ethernet     |      protocol: 0x0800, IPv4   |
 *  +---------------+---------------+-------------------------------+
 *  | hw length: 6  | pr. length: 4 |  operation: 1 request 2 reply |
 *  +---------------+---------------+-------------------------------+
 *  | sender: MAC 6, IPv4 4         | target: MAC 6, IPv4 4         |
 *  +-------------------------------+-------------------------------+
 * ```
 */
import { get32, put16, put32 } from './big-endian.js';
import {
  copyMac,
  ETHERNET_DESTINATION,
  ETHERNET_HEADER,
  ETHERNET_SOURCE,
  ETHERTYPE_ARP,
  macIsGroup,
  macIsZero,
  writeEthernetHeader,
} from './ethernet.js';

export const ARP_PACKET = 28;
/** The reply with its Ethernet header. */
export const ARP_FRAME = ETHERNET_HEADER + ARP_PACKET;

const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER = 14;
const TARGET_MAC = 18;
const TARGET = 24;

/** Hardware Ethernet, protocol IPv4. */
const ETHERNET_IPV4 = 0x0001_0800;
/** Lengths 6 and 4, operation request. */
const LENGTHS_REQUEST = 0x0604_0001;
const REPLY = 2;

/**
 * Whether the packet at `at` (behind the Ethernet header) is a request from a host that waits for an answer. A probe
 * (no sender address, RFC 5227) and an announcement (sender and target are one) are not.
 */
export function isArpRequest(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < ARP_PACKET) return false;
  if (get32(bytes, at) !== ETHERNET_IPV4 || get32(bytes, at + 4) !== LENGTHS_REQUEST) return false;
  if (macIsGroup(bytes, at + SENDER_MAC) || macIsZero(bytes, at + SENDER_MAC)) return false;
  const sender = get32(bytes, at + SENDER);
  return sender !== 0 && sender !== get32(bytes, at + TARGET);
}

/** The IPv4 address of who asks, as a signed word. */
export function arpSender(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + SENDER);
}

/** The IPv4 address that is asked for, as a signed word. */
export function arpTarget(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + TARGET);
}

/**
 * Turns the request in the frame at `at` (the Ethernet header) into the reply: `mac` has the address asked for.
 * @returns bytes of the reply
 */
export function answerArp(bytes: Uint8Array, at: number, mac: Uint8Array): number {
  const arp = at + ETHERNET_HEADER;
  const target = get32(bytes, arp + TARGET);
  put16(bytes, arp + OPERATION, REPLY);
  copyMac(bytes, arp + SENDER_MAC, bytes, arp + TARGET_MAC);
  put32(bytes, arp + TARGET, get32(bytes, arp + SENDER));
  copyMac(mac, 0, bytes, arp + SENDER_MAC);
  put32(bytes, arp + SENDER, target);
  copyMac(bytes, arp + TARGET_MAC, bytes, at + ETHERNET_DESTINATION);
  copyMac(mac, 0, bytes, at + ETHERNET_SOURCE);
  return ARP_FRAME;
}

/** Writes a whole request frame, sent to all. */
export function writeArpRequest(
  bytes: Uint8Array,
  at: number,
  mac: Uint8Array,
  sender: number,
  target: number,
): number {
  const arp = at + ETHERNET_HEADER;
  writeEthernetHeader(bytes, at, BROADCAST, mac, ETHERTYPE_ARP);
  put32(bytes, arp, ETHERNET_IPV4);
  put32(bytes, arp + 4, LENGTHS_REQUEST);
  copyMac(mac, 0, bytes, arp + SENDER_MAC);
  put32(bytes, arp + SENDER, sender);
  copyMac(ZERO, 0, bytes, arp + TARGET_MAC);
  put32(bytes, arp + TARGET, target);
  return ARP_FRAME;
}

const BROADCAST = new Uint8Array(6).fill(0xff);
const ZERO = new Uint8Array(6);
