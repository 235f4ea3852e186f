import { type Address, familyBits, formatPrefix, isMapped, mappedLength, type Prefix } from '../../wire/address.js';
import { PodwireError } from '../../wire/error.js';
import type { ForwardingChange, PeerRecord } from './change.js';
import { PREFIX_BYTES } from './change.js';
import type { Layout } from './layout.js';
import {
  HAS_V4,
  HAS_V6,
  LENGTHS,
  PEER_BYTES,
  PEER_HELD,
  PEER_PORT,
  PEER_PREFIXES,
  PEER_UNDERLAY,
  PEER_V4,
  PEER_V6,
  PEER_WORDS,
  PEERS,
  PREFIXES,
  PRESENT,
  READS_ECN,
  SLOT_FLAGS,
  SLOT_HASH,
  SLOT_LENGTH,
  SLOT_PEER,
  SLOT_WORDS,
  UNDERLAY,
  V4_LENGTHS,
  V6_LENGTHS,
} from './layout.js';
import { find, hash, MASKS } from './slots.js';

/**
 * The writer's hand on one of the two copies, while nobody reads it. A step is checked before it writes: a refused step
 * (`PodwireError`) has changed nothing.
 */
export class TableCopy {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #start: number;

  constructor(words: Int32Array, layout: Layout, which: 0 | 1) {
    this.#words = words;
    this.#bytes = new Uint8Array(words.buffer);
    this.#layout = layout;
    this.#start = layout.copies[which];
  }

  get prefixes(): number {
    return this.#words[this.#start + PREFIXES];
  }

  get peers(): number {
    return this.#words[this.#start + PEERS];
  }

  /** Takes one step. Throws `PodwireError` TABLE_FULL, or INTERNAL for a step that contradicts the table. */
  perform(change: ForwardingChange): void {
    switch (change.kind) {
      case 'setPeer':
        this.#checkPeer(change.peer, change.record);
        this.#writePeer(change.peer, change.record);
        break;
      case 'removePeer':
        this.#checkIdle(change.peer);
        this.#erasePeer(change.peer);
        break;
      case 'setPrefix':
        this.#checkPrefix(change.prefix);
        if (change.underlay && mappedLength(change.prefix) !== 128)
          throw refused(`${formatPrefix(change.prefix)} is no underlay address`);
        if (!this.#hasPeer(change.peer)) throw refused(`there is no peer ${change.peer}`);
        this.#put(change.prefix, change.peer, change.underlay ? UNDERLAY : 0);
        break;
      case 'removePrefix':
        this.#checkPrefix(change.prefix);
        if (!this.#take(change.prefix))
          throw refused(`${formatPrefix(change.prefix)} is to be removed and is not there`);
        break;
    }
  }

  /**
   * Undoes what a step did, first half: takes away a prefix that the other copy, `original`, does not have. All of a
   * list's first halves come before the second ones, so that the table is never fuller than it may be.
   */
  takeBack(change: ForwardingChange, original: TableCopy): void {
    if (change.kind !== 'setPrefix' && change.kind !== 'removePrefix') return;
    if (!original.#has(original.#locate(change.prefix, original.#hash(change.prefix)))) this.#take(change.prefix);
  }

  /** Second half: puts back the prefix or the peer that the other copy has. */
  putBack(change: ForwardingChange, original: TableCopy): void {
    if (change.kind === 'setPeer' || change.kind === 'removePeer') {
      this.#copyPeer(change.peer, original);
      return;
    }
    const slot = original.#locate(change.prefix, original.#hash(change.prefix));
    if (original.#has(slot)) this.#put(change.prefix, this.#words[slot + SLOT_PEER], this.#words[slot + SLOT_FLAGS]);
  }

  // Prefixes.

  #checkPrefix(prefix: Prefix): void {
    const { family, words, length } = prefix;
    if (!Number.isInteger(length) || length < 0 || length > familyBits(family)) {
      throw refused(`/${length} is no prefix length of IPv${family}`);
    }
    // IPv4 in IPv6's clothes would answer for IPv4's own prefixes.
    const mapped = isMapped(words);
    if (family === 4 ? !mapped : mapped && length >= 96) throw refused(`not the mapped form of an IPv${family} prefix`);
    const mask = 4 * mappedLength(prefix);
    for (let i = 0; i < 4; i++) {
      if ((words[i] & ~MASKS[mask + i]) !== 0) throw refused(`${formatPrefix(prefix)} has bits set behind /${length}`);
    }
  }

  #hash(prefix: Prefix): number {
    const at = prefix.words;
    return hash(this.#words, this.#layout.keys, at[0], at[1], at[2], at[3], mappedLength(prefix));
  }

  #locate(prefix: Prefix, hashed: number): number {
    const at = prefix.words;
    return find(this.#words, this.#layout, this.#start, hashed, at[0], at[1], at[2], at[3], mappedLength(prefix));
  }

  #has(slot: number): boolean {
    return this.#words[slot + SLOT_LENGTH] !== 0;
  }

  #put(prefix: Prefix, peer: number, flags: number): void {
    const words = this.#words;
    const hashed = this.#hash(prefix);
    const slot = this.#locate(prefix, hashed);
    if (this.#has(slot)) {
      words[this.#peer(words[slot + SLOT_PEER]) + PEER_PREFIXES]--;
    } else {
      if (this.prefixes === this.#layout.maxPrefixes) throw full(`${this.prefixes} prefixes`);
      words.set(prefix.words, slot);
      words[slot + SLOT_LENGTH] = mappedLength(prefix) + 1;
      words[slot + SLOT_HASH] = hashed;
      words[this.#start + PREFIXES]++;
      this.#countLength(prefix, 1);
    }
    words[slot + SLOT_PEER] = peer;
    words[slot + SLOT_FLAGS] = flags;
    words[this.#peer(peer) + PEER_PREFIXES]++;
  }

  #take(prefix: Prefix): boolean {
    const words = this.#words;
    const slot = this.#locate(prefix, this.#hash(prefix));
    if (!this.#has(slot)) return false;
    words[this.#peer(words[slot + SLOT_PEER]) + PEER_PREFIXES]--;
    words[this.#start + PREFIXES]--;
    this.#countLength(prefix, -1);
    this.#close(slot);
    return true;
  }

  /**
   * Empties a slot and closes the gap in its run: what was pushed past the gap by a collision moves back into it. So
   * there are no tombstones, and runs are as short after a million changes as before.
   */
  #close(slot: number): void {
    const words = this.#words;
    const mask = this.#layout.slotMask;
    const first = this.#start + this.#layout.slots;
    let gap = (slot - first) / SLOT_WORDS;
    for (let index = (gap + 1) & mask; ; index = (index + 1) & mask) {
      const from = first + index * SLOT_WORDS;
      if (!this.#has(from)) break;
      const home = words[from + SLOT_HASH] & mask;
      if (((index - home) & mask) < ((index - gap) & mask)) continue;
      words.copyWithin(first + gap * SLOT_WORDS, from, from + SLOT_WORDS);
      gap = index;
    }
    const empty = first + gap * SLOT_WORDS;
    words.fill(0, empty, empty + SLOT_WORDS);
  }

  /** Counts prefixes of each length, and keeps the list of the lengths present, longest first. */
  #countLength(prefix: Prefix, step: 1 | -1): void {
    const words = this.#words;
    const length = mappedLength(prefix);
    const list = this.#start + (prefix.family === 4 ? V4_LENGTHS : V6_LENGTHS);
    const counter = list + 1 + LENGTHS + length;
    words[counter] += step;
    const end = list + 1 + words[list];
    let at = list + 1;
    while (at < end && words[at] > length) at++;
    if (step === 1 && words[counter] === 1) {
      words.copyWithin(at + 1, at, end);
      words[at] = length;
      words[list]++;
    } else if (words[counter] === 0) {
      words.copyWithin(at, at + 1, end);
      words[list]--;
    }
  }

  // Peers.

  #peer(peer: number): number {
    return this.#start + this.#layout.peers + peer * PEER_WORDS;
  }

  #hasPeer(peer: number): boolean {
    return (
      Number.isInteger(peer) &&
      peer >= 0 &&
      peer < this.#layout.maxPeers &&
      this.#words[this.#peer(peer) + PEER_HELD] !== 0
    );
  }

  #checkPeer(peer: number, { port, prefix, overlay }: PeerRecord): void {
    if (!Number.isInteger(peer) || peer < 0) throw refused(`${peer} is no index of a peer`);
    if (peer >= this.#layout.maxPeers) throw full(`${this.#layout.maxPeers} peers`);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refused(`${port} is no UDP port`);
    if (prefix.length !== PREFIX_BYTES) throw refused(`a peer's prefix is ${PREFIX_BYTES} bytes, not ${prefix.length}`);
    if (overlay.length > 2 || (overlay.length === 2 && overlay[0].family === overlay[1].family)) {
      throw refused('a peer has at most one overlay address of each family');
    }
  }

  #checkIdle(peer: number): void {
    if (!this.#hasPeer(peer)) throw refused(`there is no peer ${peer} to remove`);
    const count = this.#words[this.#peer(peer) + PEER_PREFIXES];
    if (count !== 0) throw refused(`${count} prefixes still point at peer ${peer}`);
  }

  #writePeer(peer: number, record: PeerRecord): void {
    const words = this.#words;
    const at = this.#peer(peer);
    if (words[at + PEER_HELD] === 0) words[this.#start + PEERS]++;
    words.set(record.underlay.words, at + PEER_UNDERLAY);
    words[at + PEER_PORT] = record.port;
    this.#bytes.set(record.prefix, 4 * (at + PEER_BYTES));
    words.fill(0, at + PEER_V4, at + PEER_WORDS);
    words[at + PEER_HELD] = record.ecn ? PRESENT | READS_ECN : PRESENT;
    for (const address of record.overlay) this.#writeOverlay(at, address);
  }

  #writeOverlay(at: number, { family, words }: Address): void {
    this.#words.set(words, at + (family === 4 ? PEER_V4 : PEER_V6));
    this.#words[at + PEER_HELD] |= family === 4 ? HAS_V4 : HAS_V6;
  }

  #erasePeer(peer: number): void {
    const at = this.#peer(peer);
    this.#words.fill(0, at, at + PEER_WORDS);
    this.#words[this.#start + PEERS]--;
  }

  /** All of the original's record but its count of prefixes, which follows from the prefixes that are put back. */
  #copyPeer(peer: number, original: TableCopy): void {
    const words = this.#words;
    const at = this.#peer(peer);
    const from = original.#peer(peer);
    const held = words[at + PEER_HELD] !== 0 ? 1 : 0;
    const count = words[at + PEER_PREFIXES];
    words.copyWithin(at, from, from + PEER_WORDS);
    words[at + PEER_PREFIXES] = count;
    words[this.#start + PEERS] += (words[at + PEER_HELD] !== 0 ? 1 : 0) - held;
  }
}

/** A step that the control side should not have asked for: its mistake, so INTERNAL and not CONFIG. */
function refused(why: string): PodwireError {
  return new PodwireError('INTERNAL', `forwarding table: ${why}: nothing was changed`);
}

function full(what: string): PodwireError {
  return new PodwireError('TABLE_FULL', `the forwarding table has no room for more than ${what}: nothing was changed`);
}
