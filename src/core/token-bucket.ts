/** A rate limit: a bucket of tokens that fills steadily and may be emptied at once. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #lastMs = 0;

  /**
   * @param ratePerSecond tokens that arrive in a second
   * @param burst tokens it holds; it starts full
   */
  constructor(ratePerSecond: number, burst: number) {
    this.#perMs = ratePerSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes a token if there is one. A clock that steps back adds none and is taken as it then is. */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether there is a token: for what may turn out to cost none. */
  has(nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + passedMs * this.#perMs);
    return this.#tokens >= 1;
  }
}
