/**
 * An underlay that fails as networks do: it wraps another edge and loses, doubles, reorders, damages and delays what
 * arrives, datagram by datagram, by a seed. The same seed and the same traffic give the same faults.
 */
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT, TOS } from '../bytes/batch.js';
import { type Random, seededRandom } from '../core/random.js';
import type { UnderlayCapabilities, UnderlayEdge } from './edges.js';
import { PacketQueue, type QueuedPacket } from './packet-queue.js';

/** Shares are 0 to 1, of datagrams. */
export interface Faults {
  readonly seed: number;
  readonly loss?: number;
  readonly duplicate?: number;
  /** Held back until the next datagram has passed. */
  readonly reorder?: number;
  /** One byte, anywhere in the payload, is changed. */
  readonly corrupt?: number;
  /** Every datagram waits, ms. */
  readonly delay?: number;
  /** And up to this much longer, ms, evenly spread; so datagrams overtake each other. */
  readonly jitter?: number;
}

/** What a `FaultyUnderlay` asks for the time, and to be called back. A virtual clock passes its own of both. */
export interface FaultTools {
  /** The clock that delays are measured by, ms; default `performance.now()`. */
  now?: () => number;
  /** Calls back after whole milliseconds, when delayed datagrams are due; default a timer, which `close` ends. */
  schedule?: (callback: () => void, ms: number) => void;
}

/** What became of the datagrams that arrived. One that is reordered or damaged passes too, a doubled one twice. */
export interface FaultCounts {
  passed: number;
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
}

/**
 * Wraps an underlay, which it closes when it is closed itself. What is sent passes untouched; what arrives meets the
 * faults: each datagram is copied, and comes as a record of its own.
 */
export class FaultyUnderlay implements UnderlayEdge {
  readonly counts: FaultCounts = { passed: 0, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };
  readonly #inner: UnderlayEdge;
  readonly #faults: Faults;
  readonly #now: () => number;
  readonly #schedule: (callback: () => void, ms: number) => void;
  readonly #random: Random;
  readonly #arrived = Batch.allocate(4 << 20, 64);
  /** Delayed datagrams, by due time. */
  #delayed: { packet: QueuedPacket; due: number }[] = [];
  /** The one that waits for its successor. */
  #held: QueuedPacket | undefined;
  readonly #ready = new PacketQueue(65_536);
  #listener: (() => void) | undefined;
  /** When the call back that is awaited is due; any other is void. */
  #wakeAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(inner: UnderlayEdge, faults: Faults, tools: FaultTools = {}) {
    this.#inner = inner;
    this.#faults = faults;
    this.#now = tools.now ?? (() => performance.now());
    this.#schedule = tools.schedule ?? ((callback, ms) => this.#setTimer(callback, ms));
    this.#random = seededRandom(faults.seed);
  }

  get capabilities(): UnderlayCapabilities {
    return this.#inner.capabilities;
  }

  receive(batch: Batch): number {
    this.#arrived.clear();
    this.#inner.receive(this.#arrived);
    for (let i = 0; i < this.#arrived.count; i++) this.#cut(i * RECORD);
    this.#release();
    this.#arm();
    return this.#ready.drainInto(batch, 0);
  }

  send(batch: Batch): number {
    return this.#inner.send(batch);
  }

  pathMtu(a: number, b: number, c: number, d: number): number {
    return this.#inner.pathMtu(a, b, c, d);
  }

  onReadable(listener: () => void): void {
    this.#listener = listener;
    this.#inner.onReadable(listener);
  }

  close(): void {
    this.#listener = undefined;
    this.#delayed = [];
    this.#wakeAt = Number.POSITIVE_INFINITY;
    clearTimeout(this.#timer);
    this.#inner.close();
  }

  /** Each datagram of a record meets its own fate. */
  #cut(row: number): void {
    const { bytes, records } = this.#arrived;
    const start = records[row + OFFSET];
    const end = start + records[row + LENGTH];
    const step = records[row + SEGMENT] || records[row + LENGTH] || 1;
    for (let at = start; at < end; at += step) {
      this.#meet({
        bytes: Uint8Array.from(bytes.subarray(at, Math.min(at + step, end))),
        segment: 0,
        from: [
          records[row + ADDRESS],
          records[row + ADDRESS + 1],
          records[row + ADDRESS + 2],
          records[row + ADDRESS + 3],
        ],
        port: records[row + PORT],
        tos: records[row + TOS],
      });
    }
  }

  #meet(packet: QueuedPacket): void {
    if (this.#chance(this.#faults.loss)) {
      this.counts.lost++;
      return;
    }
    if (this.#chance(this.#faults.corrupt) && packet.bytes.length > 0) {
      this.counts.corrupted++;
      packet.bytes[Math.floor(this.#random() * packet.bytes.length)] ^= 1 + Math.floor(this.#random() * 255);
    }
    const twice = this.#chance(this.#faults.duplicate);
    if (this.#held === undefined && this.#chance(this.#faults.reorder)) {
      this.counts.reordered++;
      this.#held = packet;
      return;
    }
    this.#pass(packet);
    if (twice) {
      this.counts.duplicated++;
      this.#pass(packet);
    }
    if (this.#held) {
      this.#pass(this.#held);
      this.#held = undefined;
    }
  }

  #pass(packet: QueuedPacket): void {
    const { delay = 0, jitter = 0 } = this.#faults;
    if (delay + jitter === 0) {
      this.counts.passed++;
      this.#ready.push(packet);
      return;
    }
    const wait = delay + this.#random() * jitter;
    this.#delayed.push({ packet, due: this.#now() + wait });
  }

  /** While anything is delayed, one call back is awaited: for the datagram that is due first. */
  #arm(): void {
    if (this.#delayed.length === 0) return;
    const now = this.#now();
    let first = Number.POSITIVE_INFINITY;
    for (const { due } of this.#delayed) first = Math.min(first, due);
    // Whoever reads without being called may come before the call back does.
    if (this.#wakeAt > now && first >= this.#wakeAt) return;
    this.#wakeAt = first;
    // Whole ms, upwards: a timer cuts fractions off, and a clock that moves by less than it can count stands still.
    this.#schedule(() => this.#wake(first), Math.max(0, Math.ceil(first - now)));
  }

  #wake(at: number): void {
    if (at !== this.#wakeAt) return;
    this.#wakeAt = Number.POSITIVE_INFINITY;
    // A timer may also be early: then the wait goes on.
    if (this.#now() < at) this.#arm();
    else this.#listener?.();
  }

  #setTimer(callback: () => void, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(callback, ms);
  }

  #release(): void {
    if (this.#delayed.length === 0) return;
    const now = this.#now();
    const due = this.#delayed.filter((waiting) => waiting.due <= now).sort((a, b) => a.due - b.due);
    if (due.length === 0) return;
    this.#delayed = this.#delayed.filter((waiting) => waiting.due > now);
    for (const { packet } of due) {
      this.counts.passed++;
      this.#ready.push(packet);
    }
  }

  #chance(share: number | undefined): boolean {
    return share !== undefined && share > 0 && this.#random() < share;
  }
}
