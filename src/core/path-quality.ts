/** What probes of one path found: round trip and loss. */

/** Probes that the loss is counted over; a bit for each fits a word. */
const WINDOW = 20;
/** Share of a new measurement in the smoothed round trip: RFC 6298 §2. */
const GAIN = 1 / 8;

export class PathQuality {
  /** Smoothed, and the last one, ms; null: none yet. */
  rttMs: number | null = null;
  lastRttMs: number | null = null;
  /** Losses in a row, up to now. */
  misses = 0;
  #decided = 0;
  /** A bit for each of the last probes, the latest is bit 0: 1 is lost. */
  #losses = 0;

  answered(rttMs: number): void {
    // Before its first answer a node was still starting.
    if (this.rttMs === null) this.#decided = this.#losses = 0;
    this.lastRttMs = rttMs;
    this.rttMs = this.rttMs === null ? rttMs : this.rttMs + GAIN * (rttMs - this.rttMs);
    this.misses = 0;
    this.#decide(0);
  }

  lost(): void {
    this.misses++;
    this.#decide(1);
  }

  /** Of the last 20 probes; null: none yet. */
  get lossPercent(): number | null {
    if (this.#decided === 0) return null;
    let lost = 0;
    for (let bits = this.#losses; bits !== 0; bits >>>= 1) lost += bits & 1;
    return (100 * lost) / this.#decided;
  }

  #decide(bit: 0 | 1): void {
    this.#decided = Math.min(WINDOW, this.#decided + 1);
    this.#losses = ((this.#losses << 1) | bit) & (2 ** WINDOW - 1);
  }
}
