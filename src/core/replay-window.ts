/**
 * Which counters of a session were seen: a window of bits below the highest (RFC 4303 §3.4.3), kept as a ring of words, so
 * that it moves without shifting (RFC 6479).
 */

/** Counters below the highest that may still come, out of order: at least so many. */
export const WINDOW = 1024;

/** One word more than the window: it moves by whole words. */
const WORDS = WINDOW / 32 + 1;

export class ReplayWindow {
  readonly #seen = new Int32Array(WORDS);
  readonly #floor: number;
  #highest: number;

  /** @param floor the lowest counter that is accepted */
  constructor(floor: number) {
    this.#floor = floor;
    this.#highest = floor;
  }

  /** Whether the counter is new; from then on it is not. */
  accept(counter: number): boolean {
    if (counter < this.#floor) return false;
    const word = Math.floor(counter / 32);
    const ahead = word - Math.floor(this.#highest / 32);
    if (ahead <= -WORDS) return false;
    for (let i = Math.min(ahead, WORDS); i > 0; i--) this.#seen[(word - i + 1) % WORDS] = 0;
    if (counter > this.#highest) this.#highest = counter;

    const bit = 1 << (counter % 32);
    const index = word % WORDS;
    if ((this.#seen[index] & bit) !== 0) return false;
    this.#seen[index] |= bit;
    return true;
  }
}
