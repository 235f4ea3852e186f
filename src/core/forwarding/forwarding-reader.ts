import { type Family, isMapped, V4_MAPPED } from '../../wire/address.js';
import { PodwireError } from '../../wire/error.js';
import { NOBODY, PREFIX_BYTES } from './change.js';
import type { Layout } from './layout.js';
import {
  HAS_V4,
  HAS_V6,
  layoutOf,
  PEER_BYTES,
  PEER_HELD,
  PEER_PORT,
  PEER_UNDERLAY,
  PEER_V4,
  PEER_V6,
  PEER_WORDS,
  READS_ECN,
  RESTING,
  readerState,
  SLOT_FLAGS,
  SLOT_LENGTH,
  SLOT_PEER,
  SWITCHES,
  UNDERLAY,
  V4_LENGTHS,
  V6_LENGTHS,
} from './layout.js';
import { find, hash, MASKS } from './slots.js';

/**
 * A worker's view of the forwarding table. A worker works in turns: `begin`, any number of lookups, and then `begin`
 * again, or `rest` before it sleeps. Within a turn the table stands still; lookups outside of a turn are a mistake.
 * Nothing here allocates, waits or takes a lock.
 */
export class ForwardingReader {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #state: number;
  /** Start of the copy that this turn reads. */
  #copy: number;
  #edition = 0;
  /** Turns have odd numbers, so that none is `RESTING`. */
  #turn = 1;

  /**
   * @param memory of a `ForwardingTable`
   * @param reader this reader's index, its own alone
   */
  constructor(memory: SharedArrayBuffer, reader: number) {
    this.#words = new Int32Array(memory);
    this.#bytes = new Uint8Array(memory);
    this.#layout = layoutOf(this.#words);
    if (!Number.isInteger(reader) || reader < 0 || reader >= this.#layout.readers) {
      throw new PodwireError('INTERNAL', `the forwarding table has ${this.#layout.readers} readers, ${reader} is none`);
    }
    this.#state = readerState(reader);
    this.#copy = this.#layout.copies[0];
  }

  /**
   * Starts a turn, and so ends the one before.
   *
   * The turn is announced before the copy is chosen, both sequentially consistent. The writer does the reverse: it
   * switches copies and then looks at the turns. So of the two, one sees the other: either this reader takes the new copy,
   * or the writer sees this turn and waits for its end. Chosen first and announced second, a reader could stand
   * between the two with the old copy in hand while the writer believes it at rest.
   */
  begin(): void {
    this.#turn = (this.#turn + 2) | 0;
    Atomics.store(this.#words, this.#state, this.#turn);
    this.#edition = Atomics.load(this.#words, SWITCHES);
    this.#copy = this.#layout.copies[this.#edition & 1];
  }

  /** HOT. What the table says in two turns is the same while this is (for 2^32 changes). */
  get edition(): number {
    return this.#edition;
  }

  /** Ends the turn: this reader holds nothing, and no change waits for it. */
  rest(): void {
    Atomics.store(this.#words, this.#state, RESTING);
  }

  /**
   * HOT. The peer that the longest prefix over this address belongs to, or `NOBODY`. The four words are the address in
   * mapped form. Costs a search for each length in use in the address's family (two or three), however many prefixes.
   */
  owner(a: number, b: number, c: number, d: number): number {
    const words = this.#words;
    const lengths = this.#copy + (a === 0 && b === 0 && c === V4_MAPPED ? V4_LENGTHS : V6_LENGTHS);
    const end = lengths + words[lengths];
    for (let at = lengths + 1; at <= end; at++) {
      const length = words[at];
      const slot = this.#find(
        a & MASKS[4 * length],
        b & MASKS[4 * length + 1],
        c & MASKS[4 * length + 2],
        d & MASKS[4 * length + 3],
        length,
      );
      if (words[slot + SLOT_LENGTH] !== 0) return words[slot + SLOT_PEER];
    }
    return NOBODY;
  }

  /** HOT. The peer whose underlay address is exactly this, or `NOBODY`. */
  sender(a: number, b: number, c: number, d: number): number {
    const slot = this.#find(a, b, c, d, 128);
    return (this.#words[slot + SLOT_FLAGS] & UNDERLAY) !== 0 ? this.#words[slot + SLOT_PEER] : NOBODY;
  }

  /** HOT. Word `i` (0 to 3) of a peer's underlay address, mapped form. */
  underlayWord(peer: number, i: number): number {
    return this.#words[this.#peer(peer) + PEER_UNDERLAY + i];
  }

  /** The family of a peer's underlay address. */
  underlayFamily(peer: number): Family {
    return isMapped(this.#words, this.#peer(peer) + PEER_UNDERLAY) ? 4 : 6;
  }

  /** HOT. A peer's UDP port, host order. */
  port(peer: number): number {
    return this.#words[this.#peer(peer) + PEER_PORT];
  }

  /** HOT. Whether a peer reads congestion marks on the outer packet. */
  readsEcn(peer: number): boolean {
    return (this.#words[this.#peer(peer) + PEER_HELD] & READS_ECN) !== 0;
  }

  /** HOT. Writes the `PREFIX_BYTES` bytes that go before each inner packet to a peer. */
  copyPrefix(peer: number, target: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    const from = 4 * (this.#peer(peer) + PEER_BYTES);
    for (let i = 0; i < PREFIX_BYTES; i++) target[at + i] = bytes[from + i];
  }

  /** Whether a peer has an overlay address of this family. */
  hasOverlay(peer: number, family: Family): boolean {
    return (this.#words[this.#peer(peer) + PEER_HELD] & (family === 4 ? HAS_V4 : HAS_V6)) !== 0;
  }

  /** Word `i` (0 to 3) of a peer's overlay address of this family, mapped form; 0 where it has none. */
  overlayWord(peer: number, family: Family, i: number): number {
    return this.#words[this.#peer(peer) + (family === 4 ? PEER_V4 : PEER_V6) + i];
  }

  #find(a: number, b: number, c: number, d: number, length: number): number {
    const hashed = hash(this.#words, this.#layout.keys, a, b, c, d, length);
    return find(this.#words, this.#layout, this.#copy, hashed, a, b, c, d, length);
  }

  #peer(peer: number): number {
    return this.#copy + this.#layout.peers + peer * PEER_WORDS;
  }
}
