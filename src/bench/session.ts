/** What a server does for one client, from its welcome to its end: the tests that the client orders, two at once at most. */
import type { Socket } from 'node:net';
import { processCpuSeconds } from '../os/process-cpu.js';
import type { PodwireError } from '../wire/error.js';
import { Control } from './control.js';
import { type Counted, MAX_STREAMS, type Order, type OrderOf, parseOrder } from './messages.js';
import { TcpReceiver, TcpSender } from './tcp-work.js';
import { UdpThread } from './udp-thread.js';

export interface SessionOptions {
  /** The control connection. */
  readonly socket: Socket;
  readonly client: string;
  readonly token: string;
  /** What came behind its first line. */
  readonly rest: Buffer;
  readonly pids: readonly number[];
}

/** How long a client may be silent while nothing is measured, ms. */
const SILENCE = 30_000;
/** How much longer than ordered a test may take, ms. */
const GRACE = 10_000;
const AT_ONCE = 2;
/** The largest answer to an echo, bytes. */
const ECHO_SIZE = 2048;

interface Test {
  /** Ends it early. */
  end(): void;
  /** UDP: counts, by order. */
  stop?(): void;
  /** TCP: a stream of its own. False: it has all. */
  addStream?(socket: Socket, rest: Buffer): boolean;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #control: Control<Order>;
  readonly #local: string;
  readonly #tests = new Map<number, Test>();
  /** What is still to be waited for at the end. */
  readonly #running = new Set<Promise<void>>();

  constructor(options: SessionOptions) {
    const { socket, client, rest } = options;
    this.#options = options;
    this.#local = (socket.localAddress ?? '').replace(/^::ffff:/, '');
    socket.setKeepAlive(true, SILENCE);
    this.#control = new Control(socket, client, parseOrder, rest);
    socket.resume();
  }

  /** Resolves when the client is done or gone, with how it ended, in words. */
  async run(): Promise<string> {
    try {
      for (;;) {
        const order = await this.#control.receive(SILENCE);
        // While a test runs there is nothing to say; it has a deadline of its own.
        const words = order ? this.#obey(order) : this.#tests.size > 0 ? undefined : 'silent for too long';
        if (words !== undefined) return words;
      }
    } catch (error) {
      const { code, message } = error as PodwireError;
      if (code === 'REFUSED') {
        this.#control.send({ type: 'refused', words: 'what came is no order of podwire bench' });
        return message;
      }
      return this.#tests.size > 0 ? 'gone in the middle of a test' : 'done';
    } finally {
      await this.end();
    }
  }

  async end(): Promise<void> {
    for (const test of this.#tests.values()) test.end();
    this.#control.close();
    await Promise.all(this.#running);
  }

  /** @returns false: it is none of this session's */
  addStream(token: string, id: number, socket: Socket, rest: Buffer): boolean {
    return token === this.#options.token && (this.#tests.get(id)?.addStream?.(socket, rest) ?? false);
  }

  /** @returns why this is the end, in words; undefined: go on */
  #obey(order: Order): string | undefined {
    if (order.type === 'stop') {
      this.#tests.get(order.id)?.stop?.();
      return undefined;
    }
    const isTest = order.type === 'tcp' || order.type === 'udp' || order.type === 'echo';
    if (!isTest || this.#tests.has(order.id) || this.#tests.size >= AT_ONCE) {
      this.#control.send({ type: 'refused', words: 'out of order: this is not the time for that' });
      return 'refused, it asked for what is out of order';
    }
    this.#track(order.type === 'tcp' ? this.#tcp(order) : this.#udp(order));
    return undefined;
  }

  #track(test: Promise<void>): void {
    this.#running.add(test);
    test.finally(() => this.#running.delete(test));
  }

  async #tcp({ id, streams, seconds, reverse }: OrderOf<'tcp'>): Promise<void> {
    const sockets: Socket[] = [];
    const receiver = new TcpReceiver();
    const closed: Promise<void>[] = [];
    const cpu = this.#cpu();
    let complete = () => {};
    const all = new Promise<void>((resolve) => {
      complete = resolve;
    });
    let ended = false;
    const end = () => {
      ended = true;
      for (const socket of sockets) socket.destroy();
      complete();
    };
    const deadline = setTimeout(end, seconds * 1000 + GRACE);
    this.#tests.set(id, {
      end,
      addStream: (socket, rest) => {
        if (ended || sockets.length === Math.min(streams, MAX_STREAMS)) return false;
        sockets.push(socket);
        if (!reverse) closed.push(receiver.take(socket, rest.length));
        socket.resume();
        if (sockets.length === streams) complete();
        return true;
      },
    });
    this.#control.send({ type: 'ready', id });
    await all;
    const report = reverse && !ended ? await new TcpSender(seconds).run(sockets) : undefined;
    await Promise.all(closed);
    clearTimeout(deadline);
    this.#tests.delete(id);
    if (ended) this.#control.send({ type: 'failed', id, words: 'the streams came to no end in time' });
    else this.#control.send({ ...counted(id), ...(report ?? receiver.report), cpuSeconds: this.#cpu() - cpu });
  }

  async #udp(order: OrderOf<'udp'> | OrderOf<'echo'>): Promise<void> {
    const { id, seconds } = order;
    const { size, joined } = order.type === 'udp' ? order : { size: ECHO_SIZE, joined: false };
    const thread = new UdpThread({
      port: { local: this.#local, size, joined },
      token: this.#options.token,
      id,
      work: { kind: order.type === 'udp' ? 'receive' : 'echo' },
    });
    const cpu = this.#cpu();
    let ended = false;
    const end = () => {
      ended = true;
      thread.stop().catch(() => {});
    };
    let deadline: NodeJS.Timeout | undefined;
    this.#tests.set(id, { end, stop: () => thread.stop().catch(() => {}) });
    try {
      const port = await thread.port;
      deadline = setTimeout(end, seconds * 1000 + GRACE);
      this.#control.send({ type: 'ready', id, port });
      const { received: packets, late: behind, socketDrops, ms } = await thread.report;
      const cpuSeconds = this.#cpu() - cpu;
      this.#tests.delete(id);
      if (ended) this.#control.send({ type: 'failed', id, words: 'nobody ended the test in time' });
      else this.#control.send({ ...counted(id), packets, late: behind, socketDrops, ms, cpuSeconds });
    } catch (error) {
      this.#tests.delete(id);
      this.#control.send({ type: 'failed', id, words: (error as Error).message.slice(0, 512) });
    } finally {
      clearTimeout(deadline);
    }
  }

  #cpu(): number {
    return processCpuSeconds([process.pid, ...this.#options.pids]);
  }
}

function counted(id: number): Counted {
  return { type: 'counted', id, bytes: 0, ms: 0, packets: 0, late: 0, socketDrops: 0, cpuSeconds: 0 };
}
