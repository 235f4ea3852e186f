/** Lines out of a stream of bytes whose sender is not trusted: none is longer than a limit. Pure. */

const NEWLINE = 0x0a;

export class Lines {
  readonly #limit: number;
  #held: Buffer = Buffer.alloc(0);

  /** @param limit bytes that a line may have */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
  }

  /**
   * Takes the next whole line, without its end.
   * @returns undefined: it has not come yet; null: it is longer than the limit, and nothing here will ever be a line
   */
  next(): string | undefined | null {
    const end = this.#held.indexOf(NEWLINE);
    if (end > this.#limit || (end === -1 && this.#held.length > this.#limit)) return null;
    if (end === -1) return undefined;
    const line = this.#held.toString('utf8', 0, end);
    this.#held = this.#held.subarray(end + 1);
    return line;
  }

  /** What came behind the last line that was taken. */
  get rest(): Buffer {
    return this.#held;
  }
}
