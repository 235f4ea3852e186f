/**
 * An underlay of your own: UDP by node:dgram, and two nodes that speak through it on this machine, without root. Run it
 * with `node dist/examples/embedded/dgram.js` after `npm ci`.
 *
 * node:dgram neither tells nor sets the TOS and knows no path MTU, so there are no congestion marks, and packets must fit
 * the `mtu` that the node is given.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Batch, UnderlayCapabilities, UnderlayEdge } from 'podwire';
import * as podwire from 'podwire';
import { pingPacket, sequenceOf } from './ping.js';

const { ADDRESS, LENGTH, OFFSET, PORT, RECORD, STATUS } = podwire;
const ENOBUFS = 105;
/** Datagrams that may wait, each way. */
const LIMIT = 1024;

interface Datagram {
  readonly payload: Buffer;
  readonly from: podwire.Address;
  readonly port: number;
}

class DgramUnderlay implements UnderlayEdge {
  /** One socket and no segmentation: every record is one datagram. */
  readonly capabilities: UnderlayCapabilities = { maxSegments: 1, sourcePorts: 1 };
  dropped = 0;
  readonly #socket: Socket;
  readonly #waiting: Datagram[] = [];
  #lost: podwire.PodwireError | undefined;
  #listener: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (payload, { address, port }) => {
      const from = podwire.parseAddress(address);
      if (from && this.#waiting.length < LIMIT) this.#waiting.push({ payload, from, port });
      else this.dropped++;
      this.#listener?.();
    });
    socket.on('error', (cause) => {
      this.#lost = new podwire.PodwireError('EDGE_LOST', `the socket failed: ${cause.message}`, { cause });
      this.#listener?.();
    });
  }

  /** @param port 0: any that is free */
  static async open(address: string, port: number): Promise<DgramUnderlay> {
    const family = podwire.parseAddress(address)?.family ?? 4;
    // There are only addresses to look up.
    const socket = createSocket({ type: `udp${family}`, lookup: (host, _options, done) => done(null, host, family) });
    const listening = once(socket, 'listening');
    socket.bind(port, address);
    await listening;
    return new DgramUnderlay(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  receive(batch: Batch): number {
    if (this.#lost) throw this.#lost;
    const before = batch.count;
    while (!batch.full) {
      const next = this.#waiting[0];
      // What finds no room waits for the next batch. No datagram is too long for an empty one of a node's.
      if (!next || next.payload.length > batch.room) break;
      this.#waiting.shift();
      batch.bytes.set(next.payload, batch.cursor);
      const row = batch.append(batch.cursor, next.payload.length);
      batch.records.set(next.from.words, row + ADDRESS);
      batch.records[row + PORT] = next.port;
      batch.cursor = (batch.cursor + next.payload.length + 3) & ~3;
    }
    return batch.count - before;
  }

  send(batch: Batch): number {
    let sent = 0;
    for (let row = 0; row < batch.count * RECORD; row += RECORD) {
      const { bytes, records } = batch;
      records[row + STATUS] = this.#socket.getSendQueueCount() < LIMIT ? 0 : ENOBUFS;
      if (records[row + STATUS] !== 0) continue;
      // A copy, because the batch is only lent for this call, and the socket may send later.
      const payload = Buffer.from(bytes.subarray(records[row + OFFSET], records[row + OFFSET] + records[row + LENGTH]));
      const [a, b, c, d] = records.subarray(row + ADDRESS, row + ADDRESS + 4);
      const to = podwire.formatAddress(podwire.addressOf([a, b, c, d]));
      // Without the callback, one refused datagram would be an error of the socket.
      this.#socket.send(payload, records[row + PORT], to, (error) => {
        if (error) this.dropped++;
      });
      sent++;
    }
    return sent;
  }

  pathMtu(): number {
    return 0;
  }

  onReadable(listener: () => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = undefined;
    this.#socket.close();
  }
}

const PINGS = 50;
const alpha = { node: 'alpha', underlay: '127.0.0.1', podCidr: '10.244.1.0/24' };
const bravo = { node: 'bravo', underlay: '127.0.0.2', podCidr: '10.244.2.0/24' };
const here = await DgramUnderlay.open(alpha.underlay, 0);
const there = await DgramUnderlay.open(bravo.underlay, here.port);
const options = { work: podwire.twins, vxlan: { port: here.port } };
const pods = new podwire.MemoryDevice();
const sender = await podwire.InlineNode.create({ ...options, ...alpha, device: pods, network: here, peers: [bravo] });
const arrived: number[] = [];
const device = new podwire.MemoryDevice({ onPacket: (packet) => arrived.push(sequenceOf(packet)) });
const receiver = await podwire.InlineNode.create({ ...options, ...bravo, device, network: there, peers: [alpha] });

for (let i = 0; i < PINGS; i++) pods.inject(pingPacket('10.244.1.5', '10.244.2.9', i));
while (arrived.length < PINGS) await new Promise((resolve) => setImmediate(resolve));
console.log(`bravo delivered ${arrived.length} over UDP, sequence numbers ${arrived[0]} to ${arrived.at(-1)}`);

sender.close();
receiver.close();
