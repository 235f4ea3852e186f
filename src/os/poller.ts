/**
 * Where a worker sleeps: poll(2) over its device queue, its sockets and a waker that any thread may ring. What it says of a
 * descriptor it tells the edge, which then makes no system call to find nothing.
 */
import { POLLIN, type SystemCalls } from './system-calls.js';

/** An edge that is polled. */
export interface Polled {
  readonly fd: number;
  /** Whether anything may wait there; true where nobody polls. */
  readable: boolean;
}

export class Poller {
  readonly #system: SystemCalls;
  readonly #waker: number;
  readonly #edges: readonly Polled[];
  readonly #fds: Int32Array;

  /** @param waker an eventfd from `SystemCalls.wakerOpen`, owned by whoever made it */
  constructor(system: SystemCalls, waker: number, edges: readonly Polled[]) {
    this.#system = system;
    this.#waker = waker;
    this.#edges = edges;
    this.#fds = Int32Array.from([waker, ...edges.map(({ fd }) => fd)].flatMap((fd) => [fd, POLLIN, 0]));
  }

  /**
   * Sleeps until an edge is readable (or broken: its next call says so) or the waker rings, at most `timeoutMs` (-1: for
   * ever). What was readable and is not read ends the next wait at once.
   */
  wait(timeoutMs: number): void {
    this.#system.poll(this.#fds, timeoutMs);
    if (this.#fds[2] !== 0) this.#system.wakerDrain(this.#waker);
    for (let i = 0; i < this.#edges.length; i++) this.#edges[i].readable = this.#fds[3 * i + 5] !== 0;
  }
}
