/** A network and a clock in memory: datagrams and streams between nodes of one process, in virtual time. */
import { formatEndpoint } from '../../../../src/control/config/endpoint.js';
import type { Endpoint } from '../../../../src/control/config/node-config.js';
import type {
  Clock,
  GossipTransport,
  StreamEnd,
  StreamListener,
  TransportListener,
} from '../../../../src/control/membership/transport.js';

interface Due {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
}

export class VirtualTime implements Clock {
  #now = 0;
  #order = 0;
  #due: Due[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const due = { at: this.#now + Math.max(0, ms), order: this.#order++, call };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((other) => other !== due);
    };
  }

  /** Calls that are to come. */
  get waiting(): number {
    return this.#due.length;
  }

  /** Lets time pass; promises that become ready on the way are waited for. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const [next] = this.#due.sort((a, b) => a.at - b.at || a.order - b.order);
      if (!next || next.at > end) break;
      this.#due.shift();
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }

  /** Lets time pass until something holds. */
  async until(holds: () => boolean, longestMs: number): Promise<boolean> {
    const end = this.#now + longestMs;
    while (!holds() && this.#now < end) await this.pass(10);
    return holds();
  }
}

/** Promises that wait for nothing but each other are through after this. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export class MemoryGossip {
  readonly #time: VirtualTime;
  readonly #latencyMs: number;
  readonly #nodes = new Map<string, TransportListener>();
  readonly #cut = new Set<string>();
  readonly #refused = new Set<string>();

  constructor(time: VirtualTime, latencyMs = 1) {
    this.#time = time;
    this.#latencyMs = latencyMs;
  }

  /** Nothing passes between these two any more, or again. */
  cut(one: Endpoint, other: Endpoint, cut: boolean): void {
    for (const pair of [pairText(one, other), pairText(other, one)]) {
      if (cut) this.#cut.add(pair);
      else this.#cut.delete(pair);
    }
  }

  /** Nobody can have this address. */
  refuse(local: Endpoint): void {
    this.#refused.add(formatEndpoint(local));
  }

  open = async (local: Endpoint, listener: TransportListener): Promise<GossipTransport> => {
    const name = formatEndpoint(local);
    if (this.#refused.has(name)) throw new Error(`${name} cannot be had`);
    this.#nodes.set(name, listener);
    const target = (to: Endpoint) =>
      this.#cut.has(pairText(local, to)) ? undefined : this.#nodes.get(formatEndpoint(to));
    return {
      send: (datagram, to) => {
        const copy = Uint8Array.from(datagram);
        this.#later(() => target(to)?.datagram(copy, local));
      },
      connect: (to, ours) => this.#connect(local, to, ours, () => target(to)),
      close: async () => {
        this.#nodes.delete(name);
      },
    };
  };

  #connect(
    local: Endpoint,
    to: Endpoint,
    ours: StreamListener,
    target: () => TransportListener | undefined,
  ): StreamEnd {
    let theirs: StreamListener | undefined;
    let open = true;
    const close = (reason?: string) => {
      if (!open) return;
      open = false;
      this.#later(() => ours.closed(reason));
      this.#later(() => theirs?.closed(reason));
    };
    const end = (remote: Endpoint, listener: () => StreamListener | undefined): StreamEnd => ({
      remote,
      write: (bytes) => {
        const copy = Uint8Array.from(bytes);
        this.#later(() => target() && listener()?.data(copy));
      },
      end: () => this.#later(() => close()),
      destroy: () => close(),
    });
    this.#later(() => {
      theirs = target()?.accept(end(local, () => ours));
      if (!theirs) close('ECONNREFUSED');
    });
    return end(to, () => theirs);
  }

  #later(call: () => void): void {
    this.#time.after(this.#latencyMs, call);
  }
}

function pairText(from: Endpoint, to: Endpoint): string {
  return `${formatEndpoint(from)} ${formatEndpoint(to)}`;
}
