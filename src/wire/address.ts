/**
 * IP addresses and prefixes, both families in one form: four 32-bit words, most significant first, as signed host-order
 * integers (what `Int32Array` holds). An IPv4 address stands in them as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so tables,
 * comparisons and lookups are written once.
 */
import { isIP } from 'node:net';
import { get32, put32 } from './big-endian.js';
import { PodwireError } from './error.js';

/** 4: IPv4; 6: IPv6. */
export type Family = 4 | 6;
/** 128 bits as four signed integers, most significant first; IPv4 as ::ffff:a.b.c.d. */
export type Words = readonly [number, number, number, number];

/** An IP address, made by `parseAddress`. */
export interface Address {
  readonly family: Family;
  readonly words: Words;
}

/** An IP prefix, made by `parsePrefix`. */
export interface Prefix {
  readonly family: Family;
  /** The network's address: bits behind `length` are zero. */
  readonly words: Words;
  /** As people write it: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly length: number;
}

/** The third word of an IPv4 address; the first two are zero. */
export const V4_MAPPED = 0xffff;

/** Bytes of an address in network order, IPv4 as ::ffff:a.b.c.d. */
export const ADDRESS_BYTES = 16;

/**
 * Reads an address as people write it. Strict: four decimal numbers without leading zeros, or IPv6 without a zone.
 * IPv4 written as IPv6 (::ffff:10.0.0.1) is refused: an address has one family and one spelling.
 */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 4) return { family: 4, words: [0, 0, V4_MAPPED, parseDotted(text)] };
  if (family !== 6 || text.includes('%')) return undefined;
  const words = parseColons(text);
  return isMapped(words) ? undefined : { family: 6, words };
}

/** Writes an address: dotted decimal, or the canonical form of RFC 5952. */
export function formatAddress(address: Address): string {
  const { family, words } = address;
  if (family === 4) return formatDotted(words[3]);
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const [start, length] = longestZeros(groups);
  const write = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  // A single zero group is written out (RFC 5952 §4.2.2).
  if (length < 2) return write(groups);
  return `${write(groups.slice(0, start))}::${write(groups.slice(start + length))}`;
}

/**
 * Reads a prefix such as `10.1.2.0/24`.
 * @returns the prefix, or what is wrong with the text and how to mend it, in words
 */
export function parsePrefix(text: string): Prefix | string {
  const slash = text.indexOf('/');
  if (slash === -1) return `${text} has no prefix length: write it as ADDRESS/LENGTH, such as 10.1.2.0/24`;
  const address = parseAddress(text.slice(0, slash));
  if (!address) return `${text.slice(0, slash)} is not an IPv4 or IPv6 address`;
  const digits = text.slice(slash + 1);
  const most = familyBits(address.family);
  const length = Number(digits);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits) || length > most) {
    return `/${digits} is not a prefix length of IPv${address.family}: write 0 to ${most}`;
  }
  const prefix = prefixOf(address, length);
  if (!sameWords(prefix.words, address.words)) {
    return `${text} has bits set behind /${length}: write ${formatPrefix(prefix)}`;
  }
  return prefix;
}

/** Writes a prefix: `10.1.2.0/24`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/** The prefix of this length that an address lies in. */
export function prefixOf(address: Address, length: number): Prefix {
  const mapped = length + 128 - familyBits(address.family);
  const [a, b, c, d] = address.words;
  const words: Words = [a & mask(mapped, 0), b & mask(mapped, 1), c & mask(mapped, 2), d & mask(mapped, 3)];
  return { family: address.family, words, length };
}

/** A prefix's length over the four words: that of IPv4 and 96 more. */
export function mappedLength(prefix: Prefix): number {
  return prefix.length + 128 - familyBits(prefix.family);
}

/** Bits of an address of this family. */
export function familyBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Whether the address lies in the prefix. ::/0 holds no IPv4 address. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  return prefix.family === address.family && sameWords(prefixOf(address, prefix.length).words, prefix.words);
}

/** Whether two prefixes have an address in common, which is: whether one holds the other. */
export function prefixesOverlap(one: Prefix, other: Prefix): boolean {
  return one.length <= other.length ? prefixContains(one, other) : prefixContains(other, one);
}

/**
 * The n-th address of a prefix, counted from 0 (its network address).
 * @param n a whole number from 0 to 2^53 - 1
 * @throws PodwireError INTERNAL if the prefix is smaller than that
 */
export function addressAt(prefix: Prefix, n: number): Address {
  const [a, b, c, d] = prefix.words;
  const hostBits = familyBits(prefix.family) - prefix.length;
  if (!Number.isSafeInteger(n) || n < 0 || n >= 2 ** hostBits) {
    throw new PodwireError('INTERNAL', `${formatPrefix(prefix)} has no address number ${n}`);
  }
  // Host bits of a prefix are zero, so there is nothing to carry.
  return { family: prefix.family, words: [a, b, c | (n / 2 ** 32), d | n] };
}

/** Whether two addresses are the same. */
export function sameAddress(one: Address, other: Address): boolean {
  return one.family === other.family && sameWords(one.words, other.words);
}

/** Whether two prefixes are the same. */
export function samePrefix(one: Prefix, other: Prefix): boolean {
  return one.length === other.length && sameAddress(one, other);
}

/** Whether eight words are four pairs. */
export function sameWords(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  return one[0] === other[0] && one[1] === other[1] && one[2] === other[2] && one[3] === other[3];
}

/** The address that four words stand for; ::ffff:a.b.c.d is IPv4. */
export function addressOf(words: Words): Address {
  return { family: isMapped(words) ? 4 : 6, words };
}

/** An address as 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. */
export function addressBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  writeWords(address.words, bytes, 0);
  return bytes;
}

/** The four words of 16 bytes in network order. */
export function wordsOf(bytes: Uint8Array, offset = 0): Words {
  return [get32(bytes, offset), get32(bytes, offset + 4), get32(bytes, offset + 8), get32(bytes, offset + 12)];
}

/** Reads 16 bytes in network order into `words[at]` to `words[at + 3]`. Allocates nothing. */
export function readWords(bytes: Uint8Array, offset: number, words: Int32Array, at: number): void {
  words[at] = get32(bytes, offset);
  words[at + 1] = get32(bytes, offset + 4);
  words[at + 2] = get32(bytes, offset + 8);
  words[at + 3] = get32(bytes, offset + 12);
}

/** Writes four words as 16 bytes in network order. Allocates nothing. */
export function writeWords(words: ArrayLike<number>, bytes: Uint8Array, offset: number): void {
  put32(bytes, offset, words[0]);
  put32(bytes, offset + 4, words[1]);
  put32(bytes, offset + 8, words[2]);
  put32(bytes, offset + 12, words[3]);
}

/** Whether the four words from `at` on are an IPv4 address, ::ffff:a.b.c.d. Allocates nothing. */
export function isMapped(words: ArrayLike<number>, at = 0): boolean {
  return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === V4_MAPPED;
}

/** Word `index` of a mask of `length` leading ones. */
function mask(length: number, index: number): number {
  const ones = length - 32 * index;
  return ones <= 0 ? 0 : ones >= 32 ? -1 : -1 << (32 - ones);
}

function parseDotted(text: string): number {
  return text.split('.').reduce((word, part) => (word << 8) | Number(part), 0);
}

function formatDotted(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** The words of an IPv6 address that `isIP` has found right. */
function parseColons(text: string): Words {
  const [head, tail] = text.split('::');
  const before = parseGroups(head);
  const after = tail === undefined ? [] : parseGroups(tail);
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  const g = [...before, ...zeros, ...after];
  return [(g[0] << 16) | g[1], (g[2] << 16) | g[3], (g[4] << 16) | g[5], (g[6] << 16) | g[7]];
}

/** 16-bit groups between colons; the last may be an IPv4 address, which is two. */
function parseGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const word = parseDotted(group);
    return [word >>> 16, word & 0xffff];
  });
}

/** Start and length of the longest run of zeros, the first one of equals. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  let run = 0;
  groups.forEach((group, i) => {
    run = group === 0 ? run + 1 : 0;
    if (run > best[1]) best = [i - run + 1, run];
  });
  return best;
}
