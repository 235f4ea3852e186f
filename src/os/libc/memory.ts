/** Memory that system calls are pointed at. */
import type { Libc } from './library.js';

/**
 * Zeroed memory for structs, at one address for as long as the object lives: a collector may move an object, but never the
 * memory of an ArrayBuffer. It does free it, and knows nothing of addresses: who makes one keeps it in a scope that
 * outlives the call, not in the function that makes the call.
 */
export class Struct {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly address: number;
  /** What this one points to: it lives as long. */
  readonly #targets = new Set<Struct>();

  /** @param size bytes, a multiple of 4 */
  constructor(libc: Libc, size: number) {
    const memory = new ArrayBuffer(size);
    this.bytes = new Uint8Array(memory);
    this.halves = new Uint16Array(memory);
    this.words = new Uint32Array(memory);
    this.address = libc.address(this.bytes);
  }

  /** Points two words at another struct. @param offset bytes from its start */
  pointTo(word: number, target: Struct, offset = 0): void {
    this.#targets.add(target);
    this.setPointer(word, target.address + offset);
  }

  /**
   * Writes an address into two words: stored in 32 bits, a number loses what is above them. What stands there is kept by
   * somebody else.
   */
  setPointer(word: number, address: number): void {
    this.words[word] = address;
    this.words[word + 1] = address / 2 ** 32;
  }
}

/**
 * Where a caller's arena stands. Asking takes a third of a system call's overhead, and it is mostly the same arena.
 * An arena that was given away to another thread has length 0 from then on, and no range lies within it.
 */
export class ArenaAddress {
  readonly #libc: Libc;
  #arena: Uint8Array | undefined;
  #address = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  of(arena: Uint8Array): number {
    if (arena !== this.#arena) {
      this.#address = this.#libc.address(arena);
      this.#arena = arena;
    }
    return this.#address;
  }
}
