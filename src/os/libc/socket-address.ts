/**
 * Socket addresses as the kernel has them. Each takes a slot of 32 bytes, so that its words are found by index.
 *
 * ```
 *  bytes          0        2          4                8                    24          28
 *                 +--------+----------+----------------+
 *  sockaddr_in    | family | port, BE | address, BE    |  8 bytes of zeros
 *                 +--------+----------+----------------+--------------------+-----------+
 *  sockaddr_in6   | family | port, BE | flow info      | address, BE        | scope id  |
 *                 +--------+----------+----------------+--------------------+-----------+
 * ```
 */
import { ADDRESS, PORT } from '../../bytes/batch.js';
import { isMapped, V4_MAPPED } from '../../wire/address.js';

export const AF_INET = 2;
export const AF_INET6 = 10;

/** Bytes of one slot, and words. */
export const ADDRESS_SLOT = 32;
export const ADDRESS_WORDS = ADDRESS_SLOT / 4;
/** What the kernel wants to be told of a length: that of the longer kind. */
export const ADDRESS_LENGTH = 28;
const V4_LENGTH = 16;

/**
 * @param words the slots
 * @param at first word of the slot
 * @param address four words of host-order integers, most significant first, IPv4 as ::ffff:a.b.c.d
 * @param from where those stand in `address`
 * @param port host order
 * @returns bytes in use
 */
export function putAddress(words: Uint32Array, at: number, address: Int32Array, from: number, port: number): number {
  const swappedPort = ((port & 0xff) << 8) | (port >>> 8);
  if (isMapped(address, from)) {
    words[at] = AF_INET | (swappedPort << 16);
    words[at + 1] = swap32(address[from + 3]);
    words[at + 2] = 0;
    words[at + 3] = 0;
    return V4_LENGTH;
  }
  words[at] = AF_INET6 | (swappedPort << 16);
  words[at + 1] = 0;
  for (let i = 0; i < 4; i++) words[at + 2 + i] = swap32(address[from + i]);
  words[at + 6] = 0;
  return ADDRESS_LENGTH;
}

/** The family in a slot. */
export function familyAt(words: Uint32Array, at: number): number {
  return words[at] & 0xffff;
}

/** The port in a slot, host order. */
export function portAt(words: Uint32Array, at: number): number {
  return (((words[at] >>> 16) & 0xff) << 8) | (words[at] >>> 24);
}

/** Writes port and address of a slot to the record at `row`. */
export function addressToRecord(words: Uint32Array, at: number, records: Int32Array, row: number): void {
  records[row + PORT] = portAt(words, at);
  if (familyAt(words, at) === AF_INET) {
    records[row + ADDRESS] = 0;
    records[row + ADDRESS + 1] = 0;
    records[row + ADDRESS + 2] = V4_MAPPED;
    records[row + ADDRESS + 3] = swap32(words[at + 1]);
    return;
  }
  for (let i = 0; i < 4; i++) records[row + ADDRESS + i] = swap32(words[at + 2 + i]);
}

/** Four words of 16 bytes in network order. */
export function addressWords(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from([0, 4, 8, 12], (offset) => view.getInt32(offset));
}

function swap32(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
