/** What sends and what receives the bytes of TCP streams, at both ends alike. */
import type { Socket } from 'node:net';

/** What went through a set of streams. */
export interface TcpReport {
  readonly bytes: number;
  /** From the first byte to the last, ms. */
  readonly ms: number;
}

/** Bytes handed over in one write. */
const BLOCK = Buffer.alloc(256 << 10);
/** After so many writes in a row the event loop has its turn: a socket that is never full would keep it for itself. */
const IN_A_ROW = 16;

/** Streams that send until `seconds` are over, and then end. */
export class TcpSender {
  #started = 0;
  #bytes = 0;
  readonly #seconds: number;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Bytes handed to the kernel so far. */
  get progress(): number {
    return this.#bytes;
  }

  /** Sends on all of them. Resolves when each was read to its end by the other side, or is broken. */
  async run(sockets: readonly Socket[]): Promise<TcpReport> {
    this.#started = performance.now();
    await Promise.all(sockets.map((socket) => this.#send(socket)));
    return { bytes: this.#bytes, ms: performance.now() - this.#started };
  }

  #send(socket: Socket): Promise<void> {
    const end = this.#started + this.#seconds * 1000;
    let turn = 0;
    const write = () => {
      while (!socket.destroyed) {
        if (performance.now() >= end) {
          socket.end();
          return;
        }
        this.#bytes += BLOCK.length;
        const room = socket.write(BLOCK);
        if (++turn % IN_A_ROW === 0) {
          setImmediate(write);
          return;
        }
        if (!room) {
          socket.once('drain', write);
          return;
        }
      }
    };
    socket.resume(); // the other side's end is to be seen
    return new Promise((resolve) => {
      socket.once('close', () => resolve());
      write();
    });
  }
}

/** Streams that count what comes. */
export class TcpReceiver {
  #bytes = 0;
  #first = 0;
  #last = 0;

  get progress(): number {
    return this.#bytes;
  }

  get report(): TcpReport {
    return { bytes: this.#bytes, ms: this.#last - this.#first };
  }

  /** Counts what a stream brings; what came with its first line is handed over. Resolves when it is closed. */
  take(socket: Socket, already: number): Promise<void> {
    if (already > 0) this.#count(already);
    socket.on('data', (bytes) => this.#count(bytes.length));
    // Who has been read to the end is answered in kind, so that both sides close.
    socket.once('end', () => socket.end());
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  #count(bytes: number): void {
    this.#last = performance.now();
    if (this.#bytes === 0) this.#first = this.#last;
    this.#bytes += bytes;
  }
}
