/** Where a worker sleeps: poll(2) over its device queue, its socket and a waker that any thread may ring. */
import { type Addon, POLLIN } from './addon.js';

export class Poller {
  readonly #addon: Addon;
  readonly #waker: number;
  readonly #fds: Int32Array;

  /** @param waker an eventfd from `Addon.wakerOpen`, owned by whoever made it */
  constructor(addon: Addon, waker: number, fds: readonly number[]) {
    this.#addon = addon;
    this.#waker = waker;
    this.#fds = Int32Array.from([waker, ...fds].flatMap((fd) => [fd, POLLIN, 0]));
  }

  /** Sleeps until a descriptor is readable or the waker rings, at most `timeoutMs` (-1: for ever). */
  wait(timeoutMs: number): void {
    this.#addon.poll(this.#fds, timeoutMs);
    if (this.#fds[2] !== 0) this.#addon.wakerDrain(this.#waker);
  }
}
