/**
 * Local health (Lifeguard §IV-A): 0 is good; the more often this node misses what others tell in time, the longer it
 * waits before it accuses anybody.
 */
export class Awareness {
  readonly #max: number;
  #score = 0;

  /** @param max the worst score */
  constructor(max: number) {
    this.#max = max;
  }

  get score(): number {
    return this.#score;
  }

  /** Worse by `delta`, or better if that is negative. */
  change(delta: number): void {
    this.#score = Math.min(this.#max, Math.max(0, this.#score + delta));
  }

  /** A time of the profile, as long as the health of this node demands, ms. */
  scale(ms: number): number {
    return ms * (this.#score + 1);
  }
}
