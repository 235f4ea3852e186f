/** An underlay without a kernel: nodes attach by address, and what one sends the other receives. */
import { ADDRESS, type Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT, SOCKET, STATUS, TOS } from '../bytes/batch.js';
import { EHOSTUNREACH, EMSGSIZE } from '../bytes/errno.js';
import { type Address, formatAddress, parseAddress, type Words } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { outerHeaders } from '../wire/vxlan.js';
import type { UnderlayCapabilities, UnderlayEdge } from './edges.js';
import { PacketQueue } from './packet-queue.js';

const FIRST_SOURCE_PORT = 49_152;

/** How a node is attached to a `MemoryNetwork`. */
export interface MemoryUnderlayOptions {
  /** UDP port it is reached at; default 8472. */
  port?: number;
  /** Largest outer IP packet that it sends, bytes; default 1,500. Larger ones are refused with EMSGSIZE. */
  mtu?: number;
  /** Hands datagrams that were sent as one record over as one record, as a kernel with UDP GRO does; default true. */
  gro?: boolean;
  /** Records that may wait; default 4,096. */
  limit?: number;
}

/**
 * A network in memory. What is sent is copied, and waits with its receiver when `send` returns; where nobody is, the
 * record's `STATUS` says EHOSTUNREACH.
 */
export class MemoryNetwork {
  readonly #nodes = new Map<string, MemoryUnderlay>();

  /**
   * Joins the network with an address; the edge carries datagrams until it is closed.
   * @throws PodwireError CONFIG: a text that is no address; RangeError: the address and port are attached already
   */
  attach(at: string | Address, options: MemoryUnderlayOptions = {}): MemoryUnderlay {
    const address = typeof at === 'string' ? parseAddress(at) : at;
    if (!address) throw new PodwireError('CONFIG', `'${at}' is no IP address: nothing was attached`);
    const port = options.port ?? 8472;
    const key = keyOf(address.words, port);
    if (this.#nodes.has(key)) throw new RangeError(`${formatAddress(address)} port ${port} is attached already`);
    const node: MemoryUnderlay = new MemoryUnderlay(address, options, {
      find: (words, to) => this.#nodes.get(keyOf(words, to)),
      // The address may have a successor by now.
      leave: () => {
        if (this.#nodes.get(key) === node) this.#nodes.delete(key);
      },
    });
    this.#nodes.set(key, node);
    return node;
  }
}

/** What a `MemoryUnderlay` knows of its network. */
export interface Neighbourhood {
  /** Who is attached at an address and port. */
  find(words: Words, port: number): MemoryUnderlay | undefined;
  /** Makes its own address free; once more does nothing. */
  leave(): void;
}

/** A node's place in a `MemoryNetwork`, made by `attach`; closing it makes the address free. */
export class MemoryUnderlay implements UnderlayEdge {
  readonly capabilities: UnderlayCapabilities = { maxSegments: 64, sourcePorts: 8 };
  /** Largest outer IP packet, bytes; may be changed while packets flow. */
  mtu: number;
  readonly #address: Address;
  readonly #gro: boolean;
  readonly #waiting: PacketQueue;
  readonly #neighbours: Neighbourhood;
  #listener: (() => void) | undefined;

  constructor(address: Address, options: MemoryUnderlayOptions, neighbours: Neighbourhood) {
    this.#address = address;
    this.#gro = options.gro ?? true;
    this.mtu = options.mtu ?? 1500;
    this.#waiting = new PacketQueue(options.limit ?? 4096);
    this.#neighbours = neighbours;
  }

  /** Records that found the receiver's queue full. */
  get dropped(): number {
    return this.#waiting.dropped;
  }

  receive(batch: Batch): number {
    return this.#waiting.drainInto(batch, 0);
  }

  send(batch: Batch): number {
    let sent = 0;
    for (let i = 0; i < batch.count; i++) {
      const row = i * RECORD;
      batch.records[row + STATUS] = this.#sendRecord(batch, row);
      if (batch.records[row + STATUS] === 0) sent++;
    }
    return sent;
  }

  pathMtu(): number {
    return this.mtu;
  }

  onReadable(listener: () => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = undefined;
    this.#neighbours.leave();
  }

  /** @returns 0 or an errno */
  #sendRecord({ bytes, records }: Batch, row: number): number {
    const length = records[row + LENGTH];
    const segment = records[row + SEGMENT] || length;
    if (Math.min(segment, length) + outerHeaders(this.#address.family) > this.mtu) return EMSGSIZE;
    const to: Words = [
      records[row + ADDRESS],
      records[row + ADDRESS + 1],
      records[row + ADDRESS + 2],
      records[row + ADDRESS + 3],
    ];
    const receiver = this.#neighbours.find(to, records[row + PORT]);
    if (!receiver) return EHOSTUNREACH;
    const port = FIRST_SOURCE_PORT + (records[row + SOCKET] % this.capabilities.sourcePorts);
    const start = records[row + OFFSET];
    receiver.#take(bytes.subarray(start, start + length), segment, this.#address.words, port, records[row + TOS]);
    return 0;
  }

  #take(bytes: Uint8Array, segment: number, from: Words, port: number, tos: number): void {
    const step = (this.#gro ? bytes.length : segment) || 1;
    for (let at = 0; at === 0 || at < bytes.length; at += step) {
      const piece = Uint8Array.from(bytes.subarray(at, at + step));
      this.#waiting.push({ bytes: piece, segment: piece.length > segment ? segment : 0, from, port, tos });
    }
    this.#listener?.();
  }
}

function keyOf(words: Words, port: number): string {
  return `${words.join('.')}:${port}`;
}
