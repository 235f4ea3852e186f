/** One end of a control connection: messages out, lines in, bounded and in time. */
import type { Socket } from 'node:net';
import { PodwireError } from '../wire/error.js';
import { Lines } from './lines.js';
import { type Answer, MAX_LINE, type Order, writeMessage } from './messages.js';

/** Messages that may wait to be read: who sends more is up to no good. */
const WAITING = 32;

export class Control<Incoming> {
  readonly #socket: Socket;
  readonly #parse: (line: string) => Incoming | undefined;
  readonly #lines = new Lines(MAX_LINE);
  readonly #waiting: Incoming[] = [];
  #wake: () => void = () => {};
  #end: PodwireError | undefined;

  /**
   * @param other what the other end is called in errors
   * @param begun bytes that have come already
   */
  constructor(socket: Socket, other: string, parse: (line: string) => Incoming | undefined, begun?: Buffer) {
    this.#socket = socket;
    this.#parse = parse;
    socket.on('error', () => {}); // `close` follows
    socket.once('close', () => this.#finish(new PodwireError('EDGE_LOST', brokenOff(other))));
    socket.once('end', () => socket.end());
    if (begun !== undefined) this.#take(begun, other);
    socket.on('data', (bytes) => this.#take(bytes, other));
  }

  #take(bytes: Buffer, other: string): void {
    if (this.#end) return;
    this.#lines.push(bytes);
    for (let line = this.#lines.next(); line !== undefined && !this.#end; line = this.#lines.next()) {
      const message = line === null ? undefined : this.#parse(line);
      if (message === undefined || this.#waiting.length === WAITING) {
        this.#finish(new PodwireError('REFUSED', `${other} does not speak podwire bench, or another version of it`));
        return;
      }
      this.#waiting.push(message);
    }
    this.#wake();
  }

  #finish(error: PodwireError): void {
    this.#end ??= error;
    this.#wake();
  }

  send(message: Order | Answer): void {
    if (!this.#socket.destroyed) this.#socket.write(writeMessage(message));
  }

  /**
   * @returns the next message; undefined: none came in time
   * @throws PodwireError EDGE_LOST: the connection is gone; REFUSED: what came was no message, nothing more is read
   */
  async receive(waitMs: number): Promise<Incoming | undefined> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) return message;
      if (this.#end) throw this.#end;
      const rest = deadline - performance.now();
      if (rest <= 0) return undefined;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, rest);
      });
      clearTimeout(timer);
    }
  }

  /** What is written still goes out. */
  close(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }
}

/** What is said when the other end goes. */
export function brokenOff(other: string): string {
  return `the connection to ${other} has broken off`;
}
