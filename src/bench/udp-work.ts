/**
 * What a thread for datagrams does: `send`, `receive`, `echo` or `ping`, until its time is over or it is told to stop. One
 * datagram socket, no other work in the thread: what is measured must not wait for our own TCP.
 */
import { readFileSync } from 'node:fs';
import type { DatagramHeader } from './datagram.js';
import { BATCH, type DatagramPort } from './datagram-port.js';

export type UdpWork =
  | {
      readonly kind: 'send';
      readonly seconds: number;
      /** Datagrams a second; 0: as many as can be. */
      readonly rate: number;
    }
  | { readonly kind: 'receive' }
  | { readonly kind: 'echo' }
  | { readonly kind: 'ping'; readonly count: number; readonly intervalMs: number };

export interface UdpReport {
  /** Datagrams that the kernel took. */
  readonly sent: number;
  readonly received: number;
  /** Those that came after one with a higher number. */
  readonly late: number;
  /** Those that found the socket full, by the kernel's count. */
  readonly socketDrops: number;
  /** From the first to the last that was sent or received, ms. */
  readonly ms: number;
  /** Round trips, µs, in the order of the pings; without those that had no answer. */
  readonly rttsUs: readonly number[];
}

/** Words of the memory that the thread shares with who started it. */
export const STOP = 0;
/** Datagrams sent or received so far, modulo 2^32. */
export const PROGRESS = 1;
export const SHARED_WORDS = 2;

/** How long a thread may block before it looks whether it is to stop, ms. */
const LOOK = 20;
/** A sender that was kept from sending for longer than this, ms, does not catch up: a burst is not the asked rate. */
const CATCH_UP = 5;
/** Between two bursts, ms: at most, and what is too short to sleep. */
const [LONGEST_GAP, SHORTEST_GAP] = [1, 0.05];
/** Datagrams in a burst, where the rate allows. */
const BURST = 16;
/** How long a ping waits for its answer, ms. */
const PATIENCE = 1000;

/** @param now a clock, ms */
export function doUdpWork(
  port: DatagramPort,
  header: DatagramHeader,
  work: UdpWork,
  shared: Int32Array,
  now: () => number = () => performance.now(),
): Promise<UdpReport> {
  const context = { port, header, shared, now };
  if (work.kind === 'send') return send(context, work);
  return work.kind === 'ping' ? ping(context, work) : receive(context, work.kind === 'echo');
}

interface Context {
  readonly port: DatagramPort;
  readonly header: DatagramHeader;
  readonly shared: Int32Array;
  readonly now: () => number;
}

const NOTHING: UdpReport = { sent: 0, received: 0, late: 0, socketDrops: 0, ms: 0, rttsUs: [] };

async function send({ port, header, shared, now }: Context, { seconds, rate }: Extract<UdpWork, { kind: 'send' }>) {
  let sequence = 0;
  const stamp = (bytes: Buffer, at: number) => header.write(bytes, at, sequence++);
  const perMs = rate / 1000;
  const gap = Math.min(LONGEST_GAP, BURST / perMs);
  const started = now();
  const end = started + seconds * 1000;
  let sent = 0;
  let skipped = 0;
  for (let at = started; at < end && Atomics.load(shared, STOP) === 0; at = now()) {
    let due = BATCH;
    if (rate > 0) {
      due = Math.floor((at - started) * perMs) + 1 - sequence - skipped;
      const most = Math.ceil(CATCH_UP * perMs) + BURST;
      if (due > most) {
        skipped += due - most;
        due = most;
      }
    }
    if (due > 0) {
      sent += await port.send(Math.min(due, BATCH), stamp);
      Atomics.store(shared, PROGRESS, sent);
    }
    if (rate > 0 && due <= BATCH && gap > SHORTEST_GAP) await port.pause(gap);
  }
  return { ...NOTHING, sent, ms: now() - started };
}

async function receive({ port, header, shared, now }: Context, back: boolean): Promise<UdpReport> {
  let [received, late, highest, first, last] = [0, 0, -1, 0, 0];
  const visit = (bytes: Buffer, at: number, length: number) => {
    const sequence = header.read(bytes, at, length);
    if (sequence === -1) return false;
    received++;
    if (sequence < highest) late++;
    else highest = sequence;
    return back;
  };
  while (Atomics.load(shared, STOP) === 0) {
    const before = received;
    await port.receive(LOOK, visit);
    if (received === before) continue;
    last = now();
    if (before === 0) first = last;
    Atomics.store(shared, PROGRESS, received);
  }
  return { ...NOTHING, received, late, socketDrops: socketDrops(port.port), ms: last - first };
}

async function ping({ port, header, shared, now }: Context, { count, intervalMs }: Extract<UdpWork, { kind: 'ping' }>) {
  const rttsUs: number[] = [];
  const started = now();
  for (let sequence = 0; sequence < count && Atomics.load(shared, STOP) === 0; sequence++) {
    let answered = 0;
    const visit = (bytes: Buffer, at: number, length: number) => {
      if (header.read(bytes, at, length) === sequence) answered = now();
      return false;
    };
    const before = now();
    await port.send(1, (bytes, at) => header.write(bytes, at, sequence));
    while (answered === 0 && now() - before < PATIENCE && Atomics.load(shared, STOP) === 0) {
      await port.receive(LOOK, visit);
    }
    // Who was stopped while waiting does not know whether it was lost.
    if (answered === 0 && Atomics.load(shared, STOP) !== 0) break;
    if (answered > 0) rttsUs.push((answered - before) * 1000);
    Atomics.store(shared, PROGRESS, sequence + 1);
    const rest = before + intervalMs - now();
    if (rest > 0) await port.pause(rest);
  }
  const sent = Atomics.load(shared, PROGRESS);
  return { ...NOTHING, sent, received: rttsUs.length, ms: now() - started, rttsUs };
}

/** What the kernel counts as dropped at the UDP socket of a port of this process's namespace. */
function socketDrops(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = ['udp', 'udp6'].flatMap((file) => {
    try {
      return readFileSync(`/proc/self/net/${file}`, 'utf8').split('\n');
    } catch {
      return []; // no IPv6
    }
  });
  const fields = lines.map((line) => line.trim().split(/\s+/)).filter((words) => words[1]?.endsWith(local));
  return fields.reduce((sum, words) => sum + Number(words.at(-1)), 0);
}
