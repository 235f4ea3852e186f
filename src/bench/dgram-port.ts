/** Datagrams by node:dgram, one a call, where there are no system calls of our own. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { BUFFER, type DatagramPort, type PortOptions, type Target, type Visit } from './datagram-port.js';

/** Datagrams that wait to be looked at; what comes while so many do is lost, as in a full socket. */
const WAITING = 4096;

export class DgramPort implements DatagramPort {
  readonly #socket: Socket;
  readonly #size: number;
  readonly #target: Target | undefined;
  #waiting: (readonly [Buffer, RemoteInfo])[] = [];
  #wake: () => void = () => {};

  private constructor(socket: Socket, { size, target }: PortOptions) {
    this.#socket = socket;
    this.#size = size;
    this.#target = target;
    socket.on('error', () => {}); // what ICMP says of a datagram: it counts as lost
    socket.on('message', (bytes, from) => {
      if (this.#waiting.length < WAITING) this.#waiting.push([bytes, from]);
      this.#wake();
    });
  }

  static async open(options: PortOptions): Promise<DgramPort> {
    const socket = createSocket({ type: options.local.includes(':') ? 'udp6' : 'udp4', recvBufferSize: BUFFER });
    socket.bind(0, options.local);
    await once(socket, 'listening');
    return new DgramPort(socket, options);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async send(count: number, stamp: (bytes: Buffer, at: number) => void): Promise<number> {
    const { port, address } = this.#target ?? { port: 0, address: '' };
    const sends = Array.from({ length: count }, () => {
      const bytes = Buffer.alloc(this.#size);
      stamp(bytes, 0);
      return new Promise<number>((resolve) =>
        this.#socket.send(bytes, port, address, (error) => resolve(error ? 0 : 1)),
      );
    });
    return (await Promise.all(sends)).reduce((sum, sent) => sum + sent, 0);
  }

  async receive(waitMs: number, visit: Visit): Promise<void> {
    if (this.#waiting.length === 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
    }
    const came = this.#waiting;
    this.#waiting = [];
    for (const [bytes, { port, address }] of came) {
      if (visit(bytes, 0, bytes.length)) this.#socket.send(bytes, port, address, () => {});
    }
  }

  async pause(ms: number): Promise<void> {
    await delay(ms);
  }

  close(): void {
    this.#socket.close();
  }
}
