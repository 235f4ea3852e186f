import { randomFillSync } from 'node:crypto';
import { PodwireError } from '../../wire/error.js';
import { inSlices, onEventLoop, pause, type Schedule } from '../slices.js';
import type { ForwardingChange } from './change.js';
import { KEYS, type Layout, layoutFor, RESTING, readerState, SWITCHES, writeLimits } from './layout.js';
import { makeKeys } from './slots.js';
import { TableCopy } from './table-copy.js';

/** Looks at a busy reader at every turn of the event loop, and after this many looks every millisecond. */
const EAGER_LOOKS = 16;

/** The largest limit that makes sense; memory for it is counted in 32-bit integers. */
export const LARGEST_TABLE = 2 ** 20;

export interface ForwardingTableOptions {
  /** Default 131,072. */
  readonly maxPrefixes?: number;
  /** Default 16,384. */
  readonly maxPeers?: number;
  /** Readers there may be, at least 1; one that never begins counts as resting. */
  readonly readers: number;
  /** Default: `setImmediate` and `setTimeout`. */
  readonly schedule?: Schedule;
  /** Fills the hash keys with random words; default: from node:crypto. */
  readonly random?: (words: Int32Array) => void;
}

/**
 * Which peer owns which prefix: longest-prefix match, in memory shared with the workers and kept twice. This is the only
 * writer; `ForwardingReader`s, one a worker, read.
 *
 * Both copies are equal at rest. A list of changes is applied to the copy that nobody reads; then the copies are switched,
 * at once for all changes; then every reader passes a quiet point (it rests, or has begun another turn, and so has
 * let go of the old copy); then the changes are replayed on the old copy. Readers never wait. The writer waits only in
 * between turns of the event loop.
 */
export class ForwardingTable {
  /** What a `ForwardingReader` needs, in whatever thread. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #layout: Layout;
  readonly #copies: readonly [TableCopy, TableCopy];
  readonly #schedule: Schedule;
  /** The end of the last `apply`; the next begins there. */
  #last: Promise<void> = Promise.resolve();

  private constructor(layout: Layout, schedule: Schedule) {
    this.memory = new SharedArrayBuffer(4 * layout.size);
    this.#words = new Int32Array(this.memory);
    this.#layout = layout;
    this.#copies = [new TableCopy(this.#words, layout, 0), new TableCopy(this.#words, layout, 1)];
    this.#schedule = schedule;
  }

  /** An empty table. Memory is reserved for the limits and touched as it fills. */
  static create(options: ForwardingTableOptions): ForwardingTable {
    const { maxPrefixes = 131_072, maxPeers = 16_384, readers } = options;
    for (const limit of [maxPrefixes, maxPeers, readers]) {
      if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_TABLE) {
        throw new PodwireError(
          'INTERNAL',
          `a forwarding table of ${maxPrefixes} prefixes, ${maxPeers} peers, ${readers} readers`,
        );
      }
    }
    const layout = layoutFor({ maxPrefixes, maxPeers, readers });
    const table = new ForwardingTable(layout, options.schedule ?? onEventLoop);
    writeLimits(table.#words, layout);
    const random = new Int32Array(KEYS);
    (options.random ?? randomFillSync)(random);
    table.#words.set(makeKeys(random), layout.keys);
    return table;
  }

  /** How many there are, as readers see it. */
  get size(): { readonly prefixes: number; readonly peers: number } {
    const { prefixes, peers } = this.#copies[this.#active];
    return { prefixes, peers };
  }

  /**
   * Makes all of these changes visible to readers at once, and resolves when no reader sees the former state any more
   * and both copies are the same: whatever a removed peer used may then be given away. Calls are served in turn; the list
   * must not be changed meanwhile.
   *
   * Rejects with `PodwireError`, and no reader has seen any of it: TABLE_FULL, or INTERNAL for a list that contradicts
   * the table or itself (a prefix for a peer that is not set, a prefix or peer removed that is not there, a peer removed
   * that still has prefixes, an IPv6 prefix inside ::ffff:0:0/96). Waits as long as a reader stays in its turn: whoever
   * sees a reader's thread die puts its slot to rest.
   */
  apply(changes: readonly ForwardingChange[]): Promise<void> {
    const done = this.#last.then(() => this.#apply(changes));
    this.#last = done.catch(() => {});
    return done;
  }

  async #apply(changes: readonly ForwardingChange[]): Promise<void> {
    if (changes.length === 0) return;
    const active = this.#active;
    const read = this.#copies[active];
    const unread = this.#copies[1 - active];
    await this.#tryOn(unread, changes, read);
    Atomics.add(this.#words, SWITCHES, 1);
    await this.#allQuiet();
    await inSlices(this.#schedule, changes.length, (i) => read.perform(changes[i]));
  }

  /** Nobody reads this copy: so trying is the check, and a refused list is undone with the other copy as the model. */
  async #tryOn(copy: TableCopy, changes: readonly ForwardingChange[], original: TableCopy): Promise<void> {
    let taken = 0;
    try {
      await inSlices(this.#schedule, changes.length, (i) => {
        copy.perform(changes[i]);
        taken++;
      });
    } catch (error) {
      await inSlices(this.#schedule, taken, (i) => copy.takeBack(changes[i], original));
      await inSlices(this.#schedule, taken, (i) => copy.putBack(changes[i], original));
      throw error;
    }
  }

  /** Waits until each reader rests or is in another turn than now. */
  async #allQuiet(): Promise<void> {
    for (let reader = 0; reader < this.#layout.readers; reader++) {
      const state = readerState(reader);
      const turn = Atomics.load(this.#words, state);
      if (turn === RESTING) continue;
      for (let looks = 0; Atomics.load(this.#words, state) === turn; looks++) {
        await pause(this.#schedule, looks < EAGER_LOOKS ? 0 : 1);
      }
    }
  }

  get #active(): 0 | 1 {
    return (Atomics.load(this.#words, SWITCHES) & 1) === 0 ? 0 : 1;
  }
}
