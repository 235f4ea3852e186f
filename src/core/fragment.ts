/** Cuts an IPv4 packet into fragments for a path that is narrower than it (RFC 791 §3.2). */
import { get16, put16 } from '../wire/big-endian.js';
import type { IpView } from '../wire/ip.js';
import {
  IPV4_FRAGMENT,
  IPV4_HEADER,
  IPV4_MAX_HEADER,
  IPV4_MF,
  IPV4_TOTAL_LENGTH,
  writeIpv4Checksum,
} from '../wire/ipv4.js';

const OPTION_END = 0;
const OPTION_PADDING = 1;
/** In an option's kind: fragments but the first carry it too. */
const OPTION_COPIED = 0x80;

/**
 * Writes an IPv4 packet as fragments of at most `mtu` bytes, one behind the other, each with `headroom` free bytes
 * before it. A fragment is cut further like a whole packet. DF is not looked at, and a checksum that is still partial
 * must be completed before.
 * @param target must not overlap the packet
 * @param at where the first headroom begins
 * @param limit one past the last byte that may be written
 * @param pieces receives offset and length of each fragment, two words each
 * @returns fragments written; 0, and nothing written, if they do not fit `limit` or `pieces`, the packet is not IPv4, or
 *   `mtu` leaves no room for payload
 */
export function fragment(
  view: IpView,
  mtu: number,
  headroom: number,
  target: Buffer,
  at: number,
  limit: number,
  pieces: Int32Array,
): number {
  if (view.version !== 4) return 0;
  const payload = view.length - view.headerLength;
  const laterHeader = writeLaterHeader(view);
  const later = countLater(payload, mtu - view.headerLength, mtu - laterHeader);
  if (later === -1) return 0;
  const count = 1 + later;
  const size = count * headroom + view.headerLength + later * laterHeader + payload;
  if (2 * count > pieces.length || at + size > limit) return 0;

  let cursor = at;
  let done = 0;
  for (let piece = 0; piece < count; piece++) {
    const first = piece === 0;
    const headerLength = first ? view.headerLength : laterHeader;
    const taken = take(payload - done, mtu - headerLength);
    const start = cursor + headroom;
    if (first) view.bytes.copy(target, start, view.offset, view.offset + headerLength);
    else laterBytes.copy(target, start, 0, headerLength);
    const from = view.offset + view.headerLength + done;
    view.bytes.copy(target, start + headerLength, from, from + taken);
    const more = done + taken < payload;
    finishHeader(view, target, start, headerLength, taken, done, more);
    pieces[2 * piece] = start;
    pieces[2 * piece + 1] = headerLength + taken;
    done += taken;
    cursor = start + headerLength + taken;
  }
  return count;
}

/** Payload of the next fragment: all that is left if there is room for it, else whole units of eight bytes. */
function take(left: number, room: number): number {
  return left <= room ? left : room & ~7;
}

/** Fragments behind the first, given the room in it and in each of them; -1 if there is none. */
function countLater(payload: number, firstRoom: number, laterRoom: number): number {
  if (payload <= firstRoom) return 0;
  if (firstRoom < 8) return -1;
  const left = payload - take(payload, firstRoom);
  return 1 + Math.ceil(Math.max(0, left - laterRoom) / (laterRoom & ~7));
}

/** Lengths, offset, flags and checksum of a fragment whose header is otherwise in place. */
function finishHeader(
  view: IpView,
  target: Buffer,
  at: number,
  headerLength: number,
  payload: number,
  done: number,
  more: boolean,
): void {
  const flags = get16(view.bytes, view.offset + IPV4_FRAGMENT) & 0xe000;
  const offset = (view.fragmentOffset + done) >> 3;
  target[at] = 0x40 | (headerLength >> 2);
  put16(target, at + IPV4_TOTAL_LENGTH, headerLength + payload);
  put16(target, at + IPV4_FRAGMENT, flags | (more ? IPV4_MF : 0) | offset);
  writeIpv4Checksum(target, at, headerLength);
}

/** The header of all fragments but the first, which lacks the options that are not copied. */
const laterBytes = Buffer.alloc(IPV4_MAX_HEADER);

/** Fills `laterBytes` and returns the header's length. Options that cannot be read end the list. */
function writeLaterHeader(view: IpView): number {
  const { bytes, offset } = view;
  const end = offset + view.headerLength;
  bytes.copy(laterBytes, 0, offset, offset + IPV4_HEADER);
  let length = IPV4_HEADER;
  let option = offset + IPV4_HEADER;
  while (option < end) {
    const kind = bytes[option];
    if (kind === OPTION_END) break;
    if (kind === OPTION_PADDING) {
      option++;
      continue;
    }
    const size = option + 1 < end ? bytes[option + 1] : 0;
    if (size < 2 || option + size > end) break;
    if ((kind & OPTION_COPIED) !== 0) {
      bytes.copy(laterBytes, length, option, option + size);
      length += size;
    }
    option += size;
  }
  while (length % 4 !== 0) laterBytes[length++] = OPTION_END;
  return length;
}
