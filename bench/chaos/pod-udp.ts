/**
 * Numbered datagrams, sent and judged.
 *
 * ```
 *   0        4         8
 *   +--------+---------+-----------------------------+
 *   |  flow  | number  |  content(flow + number, 0)  |
 *   +--------+---------+-----------------------------+
 * ```
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { content, intact } from './content.js';
import type { Flow } from './flows.js';
import { Sequence } from './sequence.js';

const HEADER = 8;
/** Datagrams sent back to back: what overtakes another must be near it. */
const BURST = 4;
/** The flow's part in the key of a content. */
const STRIDE = 1_009;

export interface UdpSockets {
  readonly 4: Socket;
  readonly 6: Socket;
}

/** A socket of each family on the port; what comes goes to the receiver. */
export async function openUdp(port: number, receiver: UdpReceiver): Promise<UdpSockets> {
  const sockets = { 4: createSocket('udp4'), 6: createSocket({ type: 'udp6', ipv6Only: true }) };
  for (const socket of [sockets[4], sockets[6]]) {
    socket.on('message', (bytes) => receiver.take(bytes));
    socket.bind(port);
    await once(socket, 'listening');
    socket.setRecvBufferSize(4 << 20);
    socket.on('error', () => {});
  }
  return sockets;
}

export class UdpSender {
  readonly flow: Flow;
  sent = 0;
  refused = 0;
  readonly #sockets: UdpSockets;
  readonly #size: number;
  readonly #every: number;
  #timer: NodeJS.Timeout | undefined;
  #waiting = false;

  /** @param size bytes of a datagram @param every milliseconds, on average */
  constructor(flow: Flow, sockets: UdpSockets, size: number, every: number) {
    this.flow = flow;
    this.#sockets = sockets;
    this.#size = size;
    this.#every = every;
  }

  resume(): void {
    this.#timer ??= setInterval(() => this.#send(BURST), BURST * this.#every);
  }

  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One at a time, so that a number belongs to a datagram that the kernel took. */
  #send(left: number): void {
    if (this.#waiting || left === 0) return;
    this.#waiting = true;
    const { id, family, address } = this.flow;
    const bytes = Buffer.alloc(this.#size);
    bytes.writeUInt32BE(id, 0);
    bytes.writeUInt32BE(this.sent, 4);
    content(id * STRIDE + this.sent, 0, this.#size - HEADER).copy(bytes, HEADER);
    const socket = this.#sockets[family];
    socket.send(bytes, socket.address().port, address, (error) => {
      this.#waiting = false;
      if (error) this.refused++;
      else this.sent++;
      this.#send(left - 1);
    });
  }
}

export class UdpReceiver {
  damaged = 0;
  readonly #sequences = new Map<number, Sequence>();

  take(bytes: Buffer): void {
    if (bytes.length < HEADER) {
      this.damaged++;
      return;
    }
    const [flow, number] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    if (!intact(bytes.subarray(HEADER), flow * STRIDE + number, 0)) {
      this.damaged++;
      return;
    }
    let sequence = this.#sequences.get(flow);
    if (sequence === undefined) {
      sequence = new Sequence();
      this.#sequences.set(flow, sequence);
    }
    sequence.take(number);
  }

  settle(): void {
    for (const sequence of this.#sequences.values()) sequence.settle();
  }

  report(): Record<string, { received: number; duplicates: number; late: number }> {
    return Object.fromEntries(
      [...this.#sequences].map(([flow, { received, duplicates, late }]) => [flow, { received, duplicates, late }]),
    );
  }
}
