/** What a receiver makes of numbered datagrams: lost, twice, out of order. Pure. */

/** Numbers that are still missing are kept up to so many: an hour of loss must not grow the watcher. */
const REMEMBERED = 50_000;

export class Sequence {
  /** Different datagrams that came. */
  received = 0;
  duplicates = 0;
  /** Came after one with a higher number. */
  late = 0;
  #next = 0;
  readonly #missing = new Set<number>();

  /** @param number from 0, one more with each datagram sent */
  take(number: number): void {
    if (number >= this.#next) {
      const first = Math.max(this.#next, number - REMEMBERED);
      for (let gap = first; gap < number; gap++) this.#missing.add(gap);
      this.#next = number + 1;
      this.received++;
    } else if (this.#missing.delete(number)) {
      this.received++;
      this.late++;
    } else this.duplicates++;
  }

  /** Nothing is on its way: what is missing now is lost, and would be a duplicate. */
  settle(): void {
    this.#missing.clear();
  }
}
