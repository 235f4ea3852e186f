/** Datagrams by our own system calls: sendmmsg, recvmmsg, poll. */
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT } from '../bytes/batch.js';
import { POLLIN, type SystemCalls } from '../os/system-calls.js';
import { addressBytes, parseAddress, type Words } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { BATCH, BUFFER, type DatagramPort, type PortOptions, type Visit } from './datagram-port.js';

/** Bytes in one message of many datagrams. */
const MOST_JOINED = 65_000;
const SLOT_JOINED = 65_536;
/** How long a send waits for room in a full socket, ms. */
const SEND_WAIT = 5;

export class NativePort implements DatagramPort {
  readonly port: number;
  readonly #system: SystemCalls;
  readonly #fd: number;
  readonly #fds: Int32Array;
  readonly #polled: Int32Array;
  readonly #size: number;
  readonly #joined: boolean;
  readonly #sending: Batch;
  readonly #receiving: Batch;
  readonly #slot: number;
  readonly #back: Int32Array;
  readonly #target: { readonly words: Words; readonly port: number } | undefined;
  readonly #sleep = new Int32Array(new SharedArrayBuffer(4));

  /** @throws PodwireError INTERNAL for what is no address, SystemError if there can be no socket */
  constructor(system: SystemCalls, { local, target, size, joined }: PortOptions) {
    this.#system = system;
    this.#size = size;
    this.#joined = joined;
    this.#target = target && { words: addressOf(target.address).words, port: target.port };
    const address = addressBytes(addressOf(local));
    const plain = { reusePort: false, receive: false, sendOnly: false };
    this.#fd = system.udpOpen({ ...plain, address, port: 0, gro: joined, buffer: BUFFER });
    this.port = system.udpPort(this.#fd);
    this.#fds = Int32Array.of(this.#fd);
    this.#polled = Int32Array.of(this.#fd, POLLIN, 0);
    this.#sending = Batch.allocate(target ? BATCH * size : 0, BATCH);
    this.#slot = joined ? SLOT_JOINED : size;
    this.#receiving = Batch.allocate(BATCH * this.#slot, BATCH);
    this.#back = new Int32Array(RECORD);
  }

  send(count: number, stamp: (bytes: Buffer, at: number) => void): number {
    const batch = this.#sending;
    batch.clear();
    const each = this.#joined ? Math.min(count, Math.floor(MOST_JOINED / this.#size)) : 1;
    for (let at = 0; at < count; at += each) this.#append(at * this.#size, Math.min(each, count - at));
    for (let i = 0; i < count; i++) stamp(batch.bytes, i * this.#size);
    const sent = this.#system.udpSend(this.#fds, batch.bytes, batch.records, batch.count, SEND_WAIT);
    if (sent === batch.count) return count;
    return this.#joined ? Math.min(count, sent * each) : sent;
  }

  #append(at: number, datagrams: number): void {
    const target = this.#target;
    if (!target) throw new PodwireError('INTERNAL', 'a port without a target sends nothing');
    const { records } = this.#sending;
    const row = this.#sending.append(at, datagrams * this.#size);
    if (datagrams > 1) records[row + SEGMENT] = this.#size;
    records[row + PORT] = target.port;
    for (let i = 0; i < 4; i++) records[row + ADDRESS + i] = target.words[i];
  }

  receive(waitMs: number, visit: Visit): void {
    if (this.#system.poll(this.#polled, waitMs) === 0) return;
    const { bytes, records } = this.#receiving;
    const count = this.#system.udpReceive(this.#fd, bytes, 0, this.#slot, records, 0, BATCH);
    for (let row = 0; row < count * RECORD; row += RECORD) {
      const end = records[row + OFFSET] + records[row + LENGTH];
      const segment = records[row + SEGMENT] || records[row + LENGTH];
      let back = false;
      for (let at = records[row + OFFSET]; at < end; at += segment) {
        if (visit(bytes, at, Math.min(segment, end - at))) back = true;
      }
      if (back) this.#sendBack(bytes, records, row);
    }
  }

  #sendBack(bytes: Buffer, records: Int32Array, row: number): void {
    for (let i = 0; i < RECORD; i++) this.#back[i] = records[row + i];
    this.#system.udpSend(this.#fds, bytes, this.#back, 1, SEND_WAIT);
  }

  pause(ms: number): void {
    Atomics.wait(this.#sleep, 0, 0, ms);
  }

  close(): void {
    this.#system.close(this.#fd);
  }
}

function addressOf(text: string) {
  const address = parseAddress(text);
  if (!address) throw new PodwireError('INTERNAL', `${text} is not an address`);
  return address;
}
