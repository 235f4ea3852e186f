/**
 * UDP sockets as an underlay edge: one socket receives on the VXLAN port, shared with the other workers; several send,
 * because the outer source port carries the inner flow's hash and a socket has one port.
 */
import { Batch, LENGTH, OFFSET, RECORD, SEGMENT, SOCKET, STATUS } from '../bytes/batch.js';
import { EINVAL, EIO } from '../bytes/errno.js';
import type { UnderlayCapabilities, UnderlayEdge } from '../dataplane/edges.js';
import { type Address, addressBytes, writeWords } from '../wire/address.js';
import type { Polled } from './poller.js';
import type { SystemCalls } from './system-calls.js';

/** Linux takes at most this many datagrams in one `UDP_SEGMENT` send (64 before 6.9, 128 since). */
const MAX_SEGMENTS = 64;
/** A received message is at most one UDP datagram, or as many as GRO joins below this size. */
const SLOT = 65_536;
/** How long a send waits for room in a full socket before the frame is dropped, ms. */
const SEND_WAIT = 2;
/** Socket buffers, bytes: 4 MiB is about four milliseconds at 8 Gbit/s. */
const BUFFER = 4 << 20;
/** Source ports, RFC 7348 §5: the dynamic range. */
const FIRST_PORT = 49_152;
const LAST_PORT = 65_535;
const PORT_TRIES = 32;

/** A worker's sockets on one underlay address; plain data, so it crosses to a thread. */
export interface UdpSockets {
  readonly underlay: Address;
  readonly receive: number;
  readonly egress: Int32Array;
  /** Whether many datagrams may be sent as one message, for the kernel to cut (`UDP_SEGMENT`). */
  readonly segments: boolean;
}

/**
 * Opens a worker's sockets on one address, so that a taken port is known before anything was changed.
 * @param random 0 <= x < 1, picks source ports
 * @param kept receives already; a new one is opened if not given
 */
export function openUdpSockets(
  system: SystemCalls,
  options: {
    underlay: Address;
    port: number;
    sourcePorts: number;
    random: () => number;
    offload: { udpSegment: boolean; udpGro: boolean };
  },
  kept?: number,
): UdpSockets {
  const address = addressBytes(options.underlay);
  const common = { address, buffer: BUFFER };
  const { port, offload } = options;
  const opened: number[] = [];
  try {
    const receiving = { ...common, port, reusePort: true, receive: true, gro: offload.udpGro, sendOnly: false };
    const receive = kept ?? system.udpOpen(receiving);
    if (kept === undefined) opened.push(receive);
    const egress = new Int32Array(options.sourcePorts);
    for (let i = 0; i < options.sourcePorts; i++) {
      egress[i] = openEgress(system, common, options.random);
      opened.push(egress[i]);
    }
    return { underlay: options.underlay, receive, egress, segments: offload.udpSegment };
  } catch (error) {
    for (const fd of opened) system.close(fd);
    throw error;
  }
}

/** A send-only socket on a free port of the dynamic range; any free port if that many tries all hit taken ones. */
export function openEgress(
  system: SystemCalls,
  common: { address: Uint8Array; buffer: number },
  random: () => number,
): number {
  const plain = { ...common, reusePort: false, receive: false, gro: false, sendOnly: true };
  const open = (port: number) => system.udpOpen({ ...plain, port });
  for (let attempt = 0; attempt < PORT_TRIES; attempt++) {
    try {
      return open(FIRST_PORT + Math.floor(random() * (LAST_PORT - FIRST_PORT + 1)));
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    }
  }
  return open(0);
}

export class UdpUnderlay implements UnderlayEdge, Polled {
  readonly capabilities: UnderlayCapabilities;
  readonly fd: number;
  readable = true;
  readonly #system: SystemCalls;
  readonly #egress: Int32Array;
  readonly #source: Uint8Array;
  readonly #words = new Int32Array(4);
  readonly #target = new Uint8Array(16);
  /** False where `UDP_SEGMENT` is off, and once the kernel refused it on this path: datagrams are sent one by one. */
  #segments: boolean;
  /** Records of single datagrams, for that case; they describe the caller's arena. */
  #singles: Batch | undefined;

  constructor(system: SystemCalls, sockets: UdpSockets) {
    this.#system = system;
    this.fd = sockets.receive;
    this.#egress = sockets.egress;
    this.#segments = sockets.segments;
    this.#source = addressBytes(sockets.underlay);
    this.capabilities = { maxSegments: MAX_SEGMENTS, sourcePorts: sockets.egress.length };
  }

  receive(batch: Batch): number {
    if (!this.readable) return 0;
    const max = Math.min(batch.capacity - batch.count, Math.floor(batch.room / SLOT));
    const { bytes, cursor, records, count } = batch;
    const received = this.#system.udpReceive(this.fd, bytes, cursor, SLOT, records, count, max);
    batch.count += received;
    batch.cursor += received * SLOT;
    return received;
  }

  send(batch: Batch): number {
    if (!this.#segments) return this.#sendSingles(batch, 0);
    const sent = this.#system.udpSend(this.#egress, batch.bytes, batch.records, batch.count, SEND_WAIT);
    return sent === batch.count ? sent : sent + this.#retrySegmented(batch);
  }

  pathMtu(a: number, b: number, c: number, d: number): number {
    this.#words.set([a, b, c, d]);
    writeWords(this.#words, this.#target, 0);
    return this.#system.pathMtu(this.#source, this.#target);
  }

  /** Polled through `fd` (src/os/poller.ts). */
  onReadable(): void {}

  close(): void {
    this.#system.close(this.fd);
    for (const fd of this.#egress) this.#system.close(fd);
  }

  /**
   * A device without checksum offload makes older kernels refuse segmented sends with EIO; EINVAL is what they say of
   * more segments than they know. Both are cured by cutting here.
   */
  #retrySegmented(batch: Batch): number {
    const { records } = batch;
    let sent = 0;
    for (let i = 0; i < batch.count; i++) {
      const row = i * RECORD;
      if (records[row + SEGMENT] === 0) continue;
      const status = records[row + STATUS];
      if (status === EIO) this.#segments = false;
      if (status === EIO || status === EINVAL) sent += this.#sendSingles(batch, i, i + 1);
    }
    return sent;
  }

  /**
   * Sends records `first` to `end` datagram by datagram; a record counts as sent if all of it was. Of one that was not,
   * the length of what is left over remains, so that its frames that left are not counted as dropped.
   */
  #sendSingles(batch: Batch, first: number, end = batch.count): number {
    this.#singles ??= new Batch(batch.bytes, 0, batch.bytes.length, MAX_SEGMENTS);
    const singles = this.#singles;
    const { records } = batch;
    let sent = 0;
    for (let i = first; i < end; i++) {
      const row = i * RECORD;
      const stop = records[row + OFFSET] + records[row + LENGTH];
      const segment = records[row + SEGMENT] || records[row + LENGTH];
      singles.clear();
      for (let at = records[row + OFFSET]; at < stop; at += segment) {
        const single = singles.append(at, Math.min(segment, stop - at));
        singles.records.set(records.subarray(row + SOCKET, row + RECORD), single + SOCKET);
      }
      const whole = this.#system.udpSend(this.#egress, batch.bytes, singles.records, singles.count, SEND_WAIT);
      records[row + STATUS] = whole === singles.count ? 0 : firstStatus(singles);
      if (whole === singles.count) sent++;
      else records[row + LENGTH] = unsent(singles);
    }
    return sent;
  }
}

/** Bytes of the datagrams that were refused. */
function unsent({ records, count }: Batch): number {
  let bytes = 0;
  for (let row = 0; row < count * RECORD; row += RECORD) {
    if (records[row + STATUS] !== 0) bytes += records[row + LENGTH];
  }
  return bytes;
}

function firstStatus(batch: Batch): number {
  for (let i = 0; i < batch.count; i++) {
    const status = batch.records[i * RECORD + STATUS];
    if (status !== 0) return status;
  }
  return 0;
}
