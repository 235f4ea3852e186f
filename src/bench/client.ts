/** The side of a measurement that orders: one connection to a server, a test a call. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { processCpuSeconds } from '../os/process-cpu.js';
import { PodwireError } from '../wire/error.js';
import { brokenOff, Control } from './control.js';
import { type Answer, type Counted, type OrderOf, parseAnswer, VERSION, writeMessage } from './messages.js';
import { type RttResult, rttResult, type TcpResult, type UdpResult } from './results.js';
import { TcpReceiver, TcpSender } from './tcp-work.js';
import { UdpThread } from './udp-thread.js';
import type { UdpReport } from './udp-work.js';

export interface ClientOptions {
  readonly address: string;
  readonly port: number;
  /** The own address that is talked from; the kernel's choice if not given. */
  readonly local?: string;
  /** What the server is called in errors. */
  readonly name: string;
  /** Processes whose CPU time is reported, this one in any case. */
  readonly pids: readonly number[];
}

/** Is told what has gone through so far in this direction, several times a second: bytes, or datagrams. */
export type OnProgress = (elapsedMs: number, count: number) => void;

/** How long an answer may take beyond what was ordered, ms. */
const PATIENCE = 15_000;
const CONNECT = 5_000;
/** After the last datagram, so that what is still on its way is counted, ms. */
const DRAIN = 300;
const PROGRESS_EVERY = 200;
const PING_SIZE = 64;

type Waiting = { resolve(answer: Answer): void; reject(error: Error): void };

export class BenchClient {
  /** As the server calls itself. */
  readonly node: string;
  readonly #options: ClientOptions;
  readonly #control: Control<Answer>;
  readonly #local: string;
  readonly #token: string;
  /** Who waits for the next answer to a test. */
  readonly #waiting = new Map<number, Waiting>();
  /** What came before anybody waited for it. */
  readonly #early = new Map<number, Answer>();
  #lost: Error | undefined;
  #lastId = 0;

  private constructor(options: ClientOptions, control: Control<Answer>, local: string, node: string, token: string) {
    this.#options = options;
    this.#control = control;
    this.#local = local;
    this.node = node;
    this.#token = token;
    this.#read();
  }

  /** @throws PodwireError REFUSED: nobody serves there, or not us; EDGE_LOST: nothing comes back */
  static async connect(options: ClientOptions): Promise<BenchClient> {
    const socket = await open(options);
    const control = new Control(socket, options.name, parseAnswer);
    control.send({ type: 'hello', version: VERSION });
    try {
      const answer = await control.receive(CONNECT);
      if (answer === undefined) throw silent(options.name, CONNECT);
      if (answer.type !== 'welcome') {
        const words = answer.type === 'refused' ? printable(answer.words) : `${options.name} does not welcome`;
        throw new PodwireError('REFUSED', words);
      }
      const local = (socket.localAddress ?? '').replace(/^::ffff:/, '');
      return new BenchClient(options, control, local, printable(answer.node), answer.token);
    } catch (error) {
      control.close();
      throw error;
    }
  }

  close(): void {
    this.#control.close();
  }

  /** Streams of bytes for some seconds. @throws PodwireError EDGE_LOST or REFUSED, as all tests */
  async tcp(
    { streams, seconds, reverse }: { streams: number; seconds: number; reverse: boolean },
    onProgress?: OnProgress,
  ): Promise<TcpResult> {
    const id = ++this.#lastId;
    const cpu = this.#cpu();
    await this.#order({ type: 'tcp', id, streams, seconds, reverse }, 0);
    const counted = this.#counted(id, seconds);
    const sockets: Socket[] = [];
    try {
      await Promise.all(Array.from({ length: streams }, async () => sockets.push(await this.#stream(id))));
      const work = reverse ? new TcpReceiver() : new TcpSender(seconds);
      const watch = watching(work, onProgress);
      const done = work instanceof TcpSender ? work.run(sockets) : Promise.all(sockets.map((one) => work.take(one, 0)));
      // The server's word, or its silence, decides; what it has sent may still be read.
      const theirs = await counted.finally(() => clearInterval(watch));
      await Promise.race([done, delay(DRAIN)]);
      const { bytes, ms } = work instanceof TcpReceiver ? work.report : theirs;
      if (bytes === 0) throw new PodwireError('EDGE_LOST', `no byte of TCP came through to ${this.#options.name}`);
      return {
        test: 'tcp',
        streams,
        reverse,
        bitsPerSecond: (bytes * 8000) / ms,
        bytes,
        seconds: ms / 1000,
        cpuSecondsPerGb: (this.#cpu() - cpu + theirs.cpuSeconds) / (bytes / 1e9),
      };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  }

  /** Datagrams for some seconds. @param rate a second; 0: as many as can be sent */
  async udp(
    { size, seconds, rate, joined }: { size: number; seconds: number; rate: number; joined: boolean },
    onProgress?: OnProgress,
  ): Promise<UdpResult> {
    const work = { kind: 'send', seconds, rate } as const;
    const { report, counted } = await this.#datagrams(
      { type: 'udp', size, seconds, joined },
      size,
      joined,
      work,
      onProgress,
    );
    const { sent, ms } = report;
    if (sent === 0) {
      throw new PodwireError(
        'MACHINE',
        `this kernel takes no datagram of ${size} bytes for ${this.#options.name}: --sizes`,
      );
    }
    const received = counted.packets;
    return {
      test: 'udp',
      size,
      sent,
      received,
      sentPerSecond: (sent / ms) * 1000,
      deliveredPerSecond: (received / ms) * 1000,
      loss: Math.max(0, sent - received) / sent,
      late: counted.late,
      socketDrops: counted.socketDrops,
      seconds: ms / 1000,
    };
  }

  /** Round trips of small datagrams, one at a time. @param seconds no longer than that, whatever their number then is */
  async rtt(
    options: { count: number; intervalMs: number; seconds: number; beside: RttResult['beside'] },
    onProgress?: OnProgress,
  ): Promise<RttResult> {
    const { count, intervalMs, seconds, beside } = options;
    const work = { kind: 'ping', count, intervalMs } as const;
    const { report } = await this.#datagrams({ type: 'echo', seconds }, PING_SIZE, false, work, onProgress);
    if (report.rttsUs.length === 0) {
      throw new PodwireError('EDGE_LOST', `none of ${report.sent} datagrams came back from ${this.#options.name}`);
    }
    return rttResult(beside, report.sent, report.rttsUs);
  }

  async #datagrams(
    order: Omit<OrderOf<'udp'>, 'id'> | Omit<OrderOf<'echo'>, 'id'>,
    size: number,
    joined: boolean,
    work: ConstructorParameters<typeof UdpThread>[0]['work'],
    onProgress: OnProgress | undefined,
  ): Promise<{ report: UdpReport; counted: Counted }> {
    const id = ++this.#lastId;
    const ready = await this.#order({ ...order, id }, 0);
    const target = { address: this.#options.address, port: ready.type === 'ready' ? (ready.port ?? 0) : 0 };
    const counted = this.#counted(id, order.seconds);
    const thread = new UdpThread({
      port: { local: this.#local, target, size, joined },
      token: this.#token,
      id,
      work,
    });
    const watch = watching(thread, onProgress);
    let deadline: NodeJS.Timeout | undefined;
    try {
      await thread.port;
      // Pings may take long: there is an end to it. A sender comes to its own end.
      if (work.kind === 'ping') deadline = setTimeout(() => thread.stop(), order.seconds * 1000);
      const report = await Promise.race([thread.report, counted.then(() => thread.stop())]);
      await delay(DRAIN);
      this.#control.send({ type: 'stop', id });
      return { report, counted: await counted };
    } finally {
      clearTimeout(deadline);
      clearInterval(watch);
      await thread.stop().catch(() => {});
    }
  }

  #order(order: OrderOf<'tcp'> | OrderOf<'udp'> | OrderOf<'echo'>, seconds: number): Promise<Answer> {
    const answer = this.#answer(order.id, seconds);
    this.#control.send(order);
    return answer;
  }

  /** It may fail before anybody waits for it. */
  #counted(id: number, seconds: number): Promise<Counted> {
    const counted = this.#answer(id, seconds).then((answer) => {
      if (answer.type === 'counted') return answer;
      const words = 'words' in answer ? printable(answer.words) : `${this.#options.name} is confused`;
      throw new PodwireError('EDGE_LOST', words);
    });
    counted.catch(() => {});
    return counted;
  }

  /** The next answer to a test, within so many seconds and some patience. */
  #answer(id: number, seconds: number): Promise<Answer> {
    const waitMs = seconds * 1000 + PATIENCE;
    return new Promise<Answer>((resolve, reject) => {
      const early = this.#early.get(id);
      if (early) {
        this.#early.delete(id);
        resolve(early);
        return;
      }
      if (this.#lost) {
        reject(this.#lost);
        return;
      }
      const timer = setTimeout(() => reject(silent(this.#options.name, waitMs)), waitMs);
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (answer) => {
          done();
          resolve(answer);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    });
  }

  /** Hands answers to who waits for them, until there are no more. */
  async #read(): Promise<void> {
    try {
      for (;;) {
        const answer = await this.#control.receive(PATIENCE);
        if (answer?.type === 'refused') throw new PodwireError('REFUSED', printable(answer.words));
        if (!answer || !('id' in answer)) continue;
        const waiting = this.#waiting.get(answer.id);
        if (waiting) waiting.resolve(answer);
        else if (answer.id === this.#lastId) this.#early.set(answer.id, answer);
      }
    } catch (error) {
      this.#lost = error as Error;
      for (const waiting of [...this.#waiting.values()]) waiting.reject(this.#lost);
    }
  }

  async #stream(id: number): Promise<Socket> {
    const socket = await open({ ...this.#options, local: this.#local });
    socket.on('error', () => {}); // `close` follows
    socket.write(writeMessage({ type: 'stream', token: this.#token, id }));
    return socket;
  }

  #cpu(): number {
    return processCpuSeconds([process.pid, ...this.#options.pids]);
  }
}

function watching(what: { readonly progress: number }, onProgress: OnProgress | undefined): NodeJS.Timeout | undefined {
  if (!onProgress) return undefined;
  const started = performance.now();
  return setInterval(() => onProgress(performance.now() - started, what.progress), PROGRESS_EVERY);
}

async function open({ address, port, local, name }: ClientOptions): Promise<Socket> {
  const socket = connect({
    host: address,
    port,
    noDelay: true,
    allowHalfOpen: true,
    ...(local && { localAddress: local }),
  });
  socket.setTimeout(CONNECT, () => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })));
  try {
    await once(socket, 'connect');
  } catch (error) {
    const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') {
      throw new PodwireError(
        'REFUSED',
        `nobody serves on ${name}: run podwire bench serve there, as long as it is measured`,
      );
    }
    if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
      throw new PodwireError(
        'EDGE_LOST',
        `${name} does not answer on ${address}: podwire peers says whether its path works`,
      );
    }
    // It has gone since the kernel there took the connection.
    if (code === 'ECONNRESET') throw new PodwireError('EDGE_LOST', brokenOff(name));
    throw new PodwireError('MACHINE', `no connection to ${name} on ${address}: ${message}`);
  }
  socket.setTimeout(0);
  return socket;
}

function silent(name: string, waitMs: number): PodwireError {
  return new PodwireError('EDGE_LOST', `no answer from ${name} within ${(waitMs / 1000).toFixed(0)} seconds`);
}

/** Words of another machine, as a terminal may show them. */
function printable(words: string): string {
  return words.replaceAll(/[^\x20-\x7e]/g, '?');
}
