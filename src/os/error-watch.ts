/**
 * A worker's look at the error queues of its own sockets: whether ICMP, or this machine's kernel, has left anything for
 * the main thread to read. A worker is awake when it has sent, and its caches are warm; a main thread that woke for this
 * ten times a second would meet a packet now and then. Who sends nothing is told nothing: then nobody looks.
 */

/** Between two looks, ms: as long a path that shrinks is a black hole where ICMP passes. */
export const LOOK_EVERY = 100;
/** Looks after the last frame: what it meets has at least a whole interval to come back. */
const LOOKS = 2;

export class ErrorWatch {
  readonly #waiting: () => boolean;
  readonly #tell: () => void;
  /** Frames sent, and paths that were found narrower, as of the last turn. */
  #frames = 0;
  #lowered = 0;
  #looks = 0;
  #due = 0;

  /**
   * @param waiting looks: something is to be read
   * @param tell so it is, or a path has been lowered
   */
  constructor(waiting: () => boolean, tell: () => void) {
    this.#waiting = waiting;
    this.#tell = tell;
  }

  /**
   * To be called after each turn, with what there was in all so far. Allocates nothing.
   * @param now ms
   * @param frames sent
   * @param lowered paths that this worker's own kernel has refused to
   */
  turn(now: number, frames: number, lowered: number): void {
    if (frames !== this.#frames) {
      this.#frames = frames;
      if (this.#looks === 0) this.#due = now + LOOK_EVERY;
      this.#looks = LOOKS;
    }
    let news = lowered !== this.#lowered;
    this.#lowered = lowered;
    if (this.#looks > 0 && now >= this.#due) {
      this.#looks--;
      this.#due = now + LOOK_EVERY;
      news = this.#waiting() || news;
    }
    if (news) this.#tell();
  }

  /** How long one may sleep until the next turn, ms, rounded up; -1: for ever. */
  sleep(now: number): number {
    return this.#looks === 0 ? -1 : Math.max(0, Math.ceil(this.#due - now));
  }
}
