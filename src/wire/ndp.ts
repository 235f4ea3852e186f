/**
 * Neighbour discovery (RFC 4861 §4.3, §4.4): who has this IPv6 address, and the answer. Both are ICMPv6.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+-------------------------------+
 *  |  135 or 136   |       0       |           checksum            |
 *  +-+-+-+---------+---------------+-------------------------------+
 *  |R|S|O|              reserved; the flags only in 136            |
 *  +-+-+-+---------------------------------------------------------+
 *  |                       target, 16 bytes                        |
 *  +---------------+---------------+-------------------------------+
 *  | option 1 or 2 |   length/8    |  link-layer address, 6 bytes  |
 *  +---------------+---------------+-------------------------------+
 * ```
 */
import { sum } from '../bytes/checksum.js';
import { get32, put16, put32 } from './big-endian.js';
import { copyMac, ETHERNET_HEADER, ETHERNET_SOURCE, ETHERTYPE_IPV6, writeEthernetHeader } from './ethernet.js';
import { ICMP_CHECKSUM, ICMP_CODE, ICMP_TYPE } from './icmp.js';
import { ICMPV6, type IpView } from './ip.js';
import { IPV6_DESTINATION, IPV6_HEADER, IPV6_SOURCE, writeIpv6Header } from './ipv6.js';

export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;

/** Where the target's address stands in either message. */
export const NDP_TARGET = 8;
/** Either message without options. */
const NDP_MESSAGE = 24;
const LINK_LAYER_OPTION = 8;
const TARGET_LINK_LAYER = 2;
const SOLICITED_OVERRIDE = 0x6000_0000;
/** Neighbours only: a packet that came through a router has less. */
const HOP_LIMIT = 255;

const ADVERTISEMENT = NDP_MESSAGE + LINK_LAYER_OPTION;
/** An advertisement with its Ethernet and IPv6 headers. */
export const ADVERTISEMENT_FRAME = ETHERNET_HEADER + IPV6_HEADER + ADVERTISEMENT;

/**
 * Whether the packet is a valid neighbour solicitation (RFC 4861 §7.1.1) from a host that waits for an answer.
 * Duplicate address detection, which comes from ::, is not answered: whoever asks may keep its address.
 */
export function isNeighbourSolicitation(view: IpView): boolean {
  if (view.version !== 6 || view.protocol !== ICMPV6 || view.transport === -1 || view.fragment) return false;
  const { bytes } = view;
  const at = view.offset + view.transport;
  const size = view.length - view.transport;
  if (size < NDP_MESSAGE || view.hopLimit !== HOP_LIMIT) return false;
  if (bytes[at + ICMP_TYPE] !== NEIGHBOUR_SOLICITATION || bytes[at + ICMP_CODE] !== 0) return false;
  if ((view.src0 | view.src1 | view.src2 | view.src3) === 0 || view.src0 >>> 24 === 0xff) return false;
  if (bytes[at + NDP_TARGET] === 0xff) return false;
  return optionsOk(bytes, at + NDP_MESSAGE, at + size) && sum(bytes, at, size, view.pseudoHeaderSum()) === 0xffff;
}

/** Whether the options fill the message exactly, none of them empty. */
function optionsOk(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const size = bytes[at + 1] * 8;
    if (size === 0 || at + 1 === end) return false;
    at += size;
  }
  return at === end;
}

/** Word `index` (0 to 3) of the address that a solicitation asks for. */
export function solicitedWord(view: IpView, index: number): number {
  return get32(view.bytes, view.offset + view.transport + NDP_TARGET + 4 * index);
}

/**
 * Writes the answer to a solicitation, as an Ethernet frame: `mac` has the address asked for. The solicitation's own
 * Ethernet header stands right before it, and the answer goes to its source.
 * @param target must not overlap the solicitation and takes `ADVERTISEMENT_FRAME` bytes from `at`
 * @returns bytes written
 */
export function writeAdvertisement(view: IpView, mac: Uint8Array, target: Uint8Array, at: number): number {
  writeEthernetHeader(target, at, mac, mac, ETHERTYPE_IPV6);
  copyMac(view.bytes, view.offset - ETHERNET_HEADER + ETHERNET_SOURCE, target, at);

  const ip = at + ETHERNET_HEADER;
  for (let i = 0; i < 4; i++) asked[i] = solicitedWord(view, i);
  asker[0] = view.src0;
  asker[1] = view.src1;
  asker[2] = view.src2;
  asker[3] = view.src3;
  writeIpv6Header(target, ip, ADVERTISEMENT, ICMPV6, HOP_LIMIT, asked, asker);

  const message = ip + IPV6_HEADER;
  put32(target, message, NEIGHBOUR_ADVERTISEMENT << 24);
  put32(target, message + 4, SOLICITED_OVERRIDE);
  for (let i = 0; i < 4; i++) put32(target, message + NDP_TARGET + 4 * i, asked[i]);
  target[message + NDP_MESSAGE] = TARGET_LINK_LAYER;
  target[message + NDP_MESSAGE + 1] = 1;
  copyMac(mac, 0, target, message + NDP_MESSAGE + 2);
  const addresses = sum(target, ip + IPV6_SOURCE, IPV6_DESTINATION + 16 - IPV6_SOURCE, ICMPV6 + ADVERTISEMENT);
  put16(target, message + ICMP_CHECKSUM, ~sum(target, message, ADVERTISEMENT, addresses));
  return ADVERTISEMENT_FRAME;
}

const asked = new Int32Array(4);
const asker = new Int32Array(4);
