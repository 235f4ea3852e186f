/**
 * The forwarding table's memory: one SharedArrayBuffer of 32-bit words, so that a thread needs nothing else to read it.
 *
 * ```
 *  word 0        16       32                       32 + 16 * readers
 *      +--------+--------+----------+-----+----------+-----------+--------+--------+
 *      | limits | switch | reader 0 | ... | reader n | hash keys | copy 0 | copy 1 |
 *      +--------+--------+----------+-----+----------+-----------+--------+--------+
 *
 *  limits     MAGIC, maxPrefixes, maxPeers, readers: written once
 *  switch     how often copies were switched: readers take copy 0 when they begin if it is even, 1 if it is odd
 *  reader i   RESTING, or the number of the turn it is in; a cache line each, for each is written by another thread
 *  hash keys  random words (slots.ts), written once
 *
 *  a copy:
 *      +----------+-------+------------+------------+--------------+--------------+
 *      | prefixes | peers | v4 lengths | v6 lengths | peer records | prefix slots |
 *      +----------+-------+------------+------------+--------------+--------------+
 *
 *  prefixes, peers   how many there are
 *  lengths           of one family: n | the n lengths present, longest first (129 words) | prefixes of each length (129)
 *
 *  a peer record:
 *       0      1      2      3    4      5      6          7 .. 12     13 .. 15  16 .. 19     20 .. 23
 *      +-------------------------+------+------+----------+-----------+---------+------------+------------+
 *      |     underlay address    | port | held | prefixes | 22 bytes  | unused  | v4 overlay | v6 overlay |
 *      +-------------------------+------+------+----------+-----------+---------+------------+------------+
 *  held: PRESENT, HAS_V4, HAS_V6, READS_ECN. prefixes: how many point at the peer.
 *
 *  a prefix slot:
 *       0 1 2 3       4            5      6       7
 *      +-------------+------------+------+-------+------+
 *      |   address   | length + 1 | peer | flags | hash |
 *      +-------------+------------+------+-------+------+
 *  all zero: empty. flags: UNDERLAY.
 * ```
 *
 * Addresses are in mapped form (src/wire/address.ts), and so are lengths: 0 to 128, IPv4's plus 96. The zero state is
 * an empty table: nothing has to be written for what is not used, so its pages are never touched.
 */
import { PodwireError } from '../../wire/error.js';

/** A cache line, in words. */
const LINE = 16;

const MAGIC = 0x70776674;
const MAX_PREFIXES = 1;
const MAX_PEERS = 2;
const READERS = 3;
/** Where the word `switch` stands. */
export const SWITCHES = LINE;
const FIRST_READER = 2 * LINE;

/** Lengths a prefix can have. */
export const LENGTHS = 129;
/** Random words for the hash: 256 for each of an address's 16 bytes, and one for each length. */
export const KEYS = 16 * 256 + LENGTHS;

/** A reader's state outside of a turn. Turns have odd numbers. */
export const RESTING = 0;

// Words of a copy.
export const PREFIXES = 0;
export const PEERS = 1;
export const V4_LENGTHS = LINE;
export const V6_LENGTHS = V4_LENGTHS + 1 + 2 * LENGTHS;
const FIRST_PEER = align(V6_LENGTHS + 1 + 2 * LENGTHS);

// Words of a peer record.
export const PEER_WORDS = 24;
export const PEER_UNDERLAY = 0;
export const PEER_PORT = 4;
export const PEER_HELD = 5;
export const PEER_PREFIXES = 6;
export const PEER_BYTES = 7;
export const PEER_V4 = 16;
export const PEER_V6 = 20;
/** Flags in `PEER_HELD`. */
export const PRESENT = 1;
export const HAS_V4 = 2;
export const HAS_V6 = 4;
export const READS_ECN = 8;

// Words of a prefix slot.
export const SLOT_WORDS = 8;
export const SLOT_LENGTH = 4;
export const SLOT_PEER = 5;
export const SLOT_FLAGS = 6;
export const SLOT_HASH = 7;
/** Flag: the peer's own underlay address. */
export const UNDERLAY = 1;

export interface Limits {
  readonly maxPrefixes: number;
  readonly maxPeers: number;
  readonly readers: number;
}

/** Where things stand in the memory, in words. */
export interface Layout extends Limits {
  /** First hash key. */
  readonly keys: number;
  /** The two copies. */
  readonly copies: readonly [number, number];
  /** First peer record, from a copy's start. */
  readonly peers: number;
  /** First prefix slot, from a copy's start. */
  readonly slots: number;
  /** Slots, a power of two, less one. */
  readonly slotMask: number;
  /** Words in all. */
  readonly size: number;
}

/** Where reader `reader` keeps its state. */
export function readerState(reader: number): number {
  return FIRST_READER + reader * LINE;
}

/** The layout for these limits. Slots are twice the prefixes at least: runs of a half-empty table stay short. */
export function layoutFor(limits: Limits): Layout {
  const slotCount = 1 << (32 - Math.clz32(2 * limits.maxPrefixes - 1));
  const keys = readerState(limits.readers);
  const first = align(keys + KEYS);
  const slots = align(FIRST_PEER + limits.maxPeers * PEER_WORDS);
  const copySize = align(slots + slotCount * SLOT_WORDS);
  return {
    ...limits,
    keys,
    copies: [first, first + copySize],
    peers: FIRST_PEER,
    slots,
    slotMask: slotCount - 1,
    size: first + 2 * copySize,
  };
}

/** Writes the limits into fresh memory, for `layoutOf`. */
export function writeLimits(words: Int32Array, limits: Limits): void {
  words[MAX_PREFIXES] = limits.maxPrefixes;
  words[MAX_PEERS] = limits.maxPeers;
  words[READERS] = limits.readers;
  words[0] = MAGIC;
}

/** The layout of a memory that another thread made. Throws `PodwireError` INTERNAL if it is no forwarding table. */
export function layoutOf(words: Int32Array): Layout {
  if (words[0] !== MAGIC) throw new PodwireError('INTERNAL', 'this memory is not a forwarding table');
  return layoutFor({ maxPrefixes: words[MAX_PREFIXES], maxPeers: words[MAX_PEERS], readers: words[READERS] });
}

/**
 * Up to the next cache line. In integers throughout, and so is all of the layout: an engine keeps what once was
 * a fraction as a boxed number, and then allocates in the hot path.
 */
function align(word: number): number {
  return (word + LINE - 1) & -LINE;
}
