/**
 * The highest rate without loss, RFC 2544 §26.1: a trial at the highest rate that the sender can, then halfway between
 * the highest rate that passed and the lowest that failed, until they are as near as is asked. Pure: who has the
 * network runs the trials.
 */

export interface RateSearchOptions {
  /** The first trial, a second: what the sender can at most. */
  readonly most: number;
  /** The search ends when what passed and what failed differ by no more than this part of what failed, 0 < x < 1. */
  readonly tolerance: number;
  /** So large a part of a trial may be lost, 0 <= x < 1; the RFC says 0. */
  readonly lossAllowed: number;
}

/** How a trial went. */
export interface Trial {
  /** A second, as they were really sent. */
  readonly rate: number;
  readonly sent: number;
  readonly received: number;
}

/** Rates below this part of the first one count as none. */
const LEAST = 1 / 1024;
/** A sender that falls short of the asked rate by more than this part cannot do more. */
const SHORT = 0.05;

export class RateSearch {
  readonly #options: RateSearchOptions;
  /** What was asked in the best trial that passed, and what was really sent in it. */
  #passed = 0;
  #best = 0;
  #failed: number;
  #asked = 0;
  #done = false;
  #senderLimited = false;

  constructor(options: RateSearchOptions) {
    this.#options = options;
    this.#failed = options.most;
  }

  /** The rate to try now, a second; undefined: the search is over. */
  next(): number | undefined {
    if (this.#done) return undefined;
    this.#asked = this.#asked === 0 ? this.#options.most : (this.#passed + this.#failed) / 2;
    return this.#asked;
  }

  take({ rate, sent, received }: Trial): void {
    const { most, tolerance, lossAllowed } = this.#options;
    const passes = sent > 0 && sent - received <= lossAllowed * sent;
    const real = Math.min(rate, this.#asked);
    if (passes) {
      this.#passed = this.#asked;
      this.#best = Math.max(this.#best, real);
      this.#senderLimited = this.#asked === most || real < this.#asked * (1 - SHORT);
      this.#done = this.#senderLimited;
    } else {
      this.#failed = Math.max(this.#passed, real);
    }
    const apart = this.#failed - this.#passed;
    if (apart <= tolerance * this.#failed || this.#failed < most * LEAST) this.#done = true;
  }

  /** The highest rate that passed, a second, as it was really sent; 0: none. */
  get best(): number {
    return this.#best;
  }

  /** Nothing was lost at the highest rate that the sender can: the path may carry more. */
  get senderLimited(): boolean {
    return this.#senderLimited;
  }
}
