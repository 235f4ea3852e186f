/** Where a worker sleeps: poll(2) over its device queue, its sockets and a waker that any thread may ring. */
import { POLLIN, type SystemCalls } from './system-calls.js';

export class Poller {
  readonly #system: SystemCalls;
  readonly #waker: number;
  readonly #fds: Int32Array;

  /** @param waker an eventfd from `SystemCalls.wakerOpen`, owned by whoever made it */
  constructor(system: SystemCalls, waker: number, fds: readonly number[]) {
    this.#system = system;
    this.#waker = waker;
    this.#fds = Int32Array.from([waker, ...fds].flatMap((fd) => [fd, POLLIN, 0]));
  }

  /** Sleeps until a descriptor is readable or the waker rings, at most `timeoutMs` (-1: for ever). */
  wait(timeoutMs: number): void {
    this.#system.poll(this.#fds, timeoutMs);
    if (this.#fds[2] !== 0) this.#system.wakerDrain(this.#waker);
  }
}
