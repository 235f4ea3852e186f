/**
 * Messages on a stream, each behind its length.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------------------------------------------------------+
 *  |               bytes that follow (big-endian)                  |
 *  +---------------------------------------------------------------+
 *  |                          ...                                  |
 * ```
 */
import { get32, put32 } from './big-endian.js';

export const FRAME_HEADER = 4;

/** The header of a frame of `length` bytes. */
export function frameHeader(length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER);
  put32(header, 0, length);
  return header;
}

/** A frame as it travels. */
export function frame(body: Uint8Array): Buffer {
  return Buffer.concat([frameHeader(body.length), body]);
}

/** Takes frames out of chunks, however these are cut. Holds at most one frame that is not whole. */
export class FrameReader {
  readonly #header = new Uint8Array(FRAME_HEADER);
  #headerFilled = 0;
  #body: Buffer | undefined;
  #bodyFilled = 0;
  #chunk: Uint8Array = new Uint8Array(0);

  /** Gives it another chunk: when `next` has found nothing more in the one before. It is read, not kept. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk;
  }

  /**
   * @param most bytes that the next frame may have
   * @returns the next frame, in memory of its own; undefined if it is not whole yet
   */
  next(most: number): Buffer | undefined | 'too_large' {
    if (!this.#body) {
      this.#headerFilled += this.#take(this.#header, this.#headerFilled);
      if (this.#headerFilled < FRAME_HEADER) return undefined;
      const length = get32(this.#header, 0) >>> 0;
      if (length > most) return 'too_large';
      this.#body = Buffer.alloc(length);
    }
    const body = this.#body;
    this.#bodyFilled += this.#take(body, this.#bodyFilled);
    if (this.#bodyFilled < body.length) return undefined;
    this.#body = undefined;
    this.#headerFilled = 0;
    this.#bodyFilled = 0;
    return body;
  }

  /** Fills `target` from `from` on with what the chunk has. Returns the bytes moved. */
  #take(target: Uint8Array, from: number): number {
    const count = Math.min(target.length - from, this.#chunk.length);
    target.set(this.#chunk.subarray(0, count), from);
    this.#chunk = this.#chunk.subarray(count);
    return count;
  }
}
