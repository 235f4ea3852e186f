/**
 * Transfers one after the other, each checked byte by byte by the receiver, who answers with the number of good ones.
 *
 * ```
 *   0        4         8
 *   +--------+---------+------------------------------+
 *   |  flow  |   key   |  content(key, 0), LENGTH     |   and back: 4 bytes, how many were right
 *   +--------+---------+------------------------------+
 * ```
 */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { content, intact } from './content.js';
import type { Flow } from './flows.js';

const HEADER = 8;
/** Bytes of a transfer. */
const LENGTH = 3 << 20;
const CHUNK = 64_000;
/** Between two transfers, ms: full speed in bursts leaves the machine room for the rest. */
const REST = 700;
/** A transfer without a byte for so long is given up, ms. Longer than any bound that a flow must recover within. */
const PATIENCE = 90_000;

export class TcpSender {
  completed = 0;
  /** Error codes and how often. */
  readonly broken = new Map<string, number>();
  readonly #flow: Flow;
  readonly #port: number;
  #paused = true;
  #running = false;
  #key = 0;

  constructor(flow: Flow, port: number) {
    this.#flow = flow;
    this.#port = port;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (!this.#paused) {
      try {
        await this.#transfer();
        this.completed++;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
        this.broken.set(code, (this.broken.get(code) ?? 0) + 1);
      }
      await delay(REST);
    }
    this.#running = false;
  }

  async #transfer(): Promise<void> {
    const key = ++this.#key;
    const socket = createConnection({ host: this.#flow.address, port: this.#port });
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no progress')));
    const ended = once(socket, 'close').then(() => Promise.reject(new Error('closed early')));
    ended.catch(() => {}); // what fails first tells why
    const until = (event: string): Promise<[Buffer]> => Promise.race([once(socket, event), ended]) as Promise<[Buffer]>;
    try {
      await until('connect');
      const header = Buffer.alloc(HEADER);
      header.writeUInt32BE(this.#flow.id, 0);
      header.writeUInt32BE(key, 4);
      socket.write(header);
      for (let at = 0; at < LENGTH; at += CHUNK) {
        while (this.#paused) await delay(20);
        const block = content(key, at, Math.min(CHUNK, LENGTH - at));
        if (!socket.write(block)) await until('drain');
      }
      socket.end();
      const [bytes] = await until('data');
      if (bytes.readUInt32BE(0) !== LENGTH) throw new Error('damaged');
    } finally {
      socket.destroy();
    }
  }
}

export class TcpReceiver {
  damaged = 0;
  /** By flow. */
  readonly bytes = new Map<number, number>();

  async listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.#receive(socket).catch(() => {}));
    server.listen({ host: '::', port });
    await once(server, 'listening');
  }

  async #receive(socket: Socket): Promise<void> {
    socket.setTimeout(2 * PATIENCE, () => socket.destroy());
    let head = Buffer.alloc(0);
    let right = 0;
    // It is still to be answered when all has been read.
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      let bytes = chunk;
      if (head.length < HEADER) {
        const all = Buffer.concat([head, chunk]);
        head = all.subarray(0, HEADER);
        bytes = all.subarray(HEADER);
        if (head.length < HEADER) continue;
      }
      const [flow, key] = [head.readUInt32BE(0), head.readUInt32BE(4)];
      if (!intact(bytes, key, right)) {
        this.damaged++;
        socket.destroy();
        return;
      }
      right += bytes.length;
      this.bytes.set(flow, (this.bytes.get(flow) ?? 0) + bytes.length);
    }
    const answer = Buffer.alloc(4);
    answer.writeUInt32BE(right, 0);
    socket.end(answer);
  }
}
