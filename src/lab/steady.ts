/**
 * A program for pods: a steady flow of small UDP datagrams to an echo (datagrams.ts) and back.
 *
 * `node steady.js PORT ADDRESS PER_SECOND DURATION_MS`: prints `sending`, then a `SteadyReport`, ends.
 */
import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';

export interface SteadyReport {
  readonly sent: number;
  /** Did not come back. */
  readonly lost: number;
  /** Came back more than once. */
  readonly repeated: number;
  /** The longest time in which none came back, ms. */
  readonly longestGapMs: number;
  /** Of those that came back the one that took the longest, ms. */
  readonly longestTripMs: number;
}

/** Bytes, as far as the system allows: what comes in a burst is not lost here. */
const BUFFER = 4 << 20;
/** How long the last may take, ms. */
const PATIENCE = 3_000;
/** Bytes of a datagram: its number, and room. */
const SIZE = 64;

async function send(port: number, address: string, perSecond: number, durationMs: number): Promise<SteadyReport> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: BUFFER });
  const sentAt: number[] = [];
  const back = new Set<number>();
  let repeated = 0;
  let longestTripMs = 0;
  let longestGapMs = 0;
  let last: number | undefined;
  socket.on('error', () => {}); // refused: it counts as not come back
  socket.on('message', (bytes) => {
    const now = performance.now();
    const number = bytes.readUInt32BE();
    if (back.has(number)) repeated++;
    back.add(number);
    longestTripMs = Math.max(longestTripMs, now - (sentAt[number] ?? now));
    longestGapMs = Math.max(longestGapMs, now - (last ?? now));
    last = now;
  });
  const started = performance.now();
  for (let now = started; now < started + durationMs; now = performance.now()) {
    // A timer that comes late does not make the flow thinner.
    for (const due = ((now - started) * perSecond) / 1000; sentAt.length < due; ) {
      const datagram = Buffer.alloc(SIZE);
      datagram.writeUInt32BE(sentAt.length);
      sentAt.push(performance.now());
      socket.send(datagram, port, address, () => {});
    }
    await delay(1);
  }
  const sent = sentAt.length;
  for (const end = performance.now() + PATIENCE; back.size < sent && performance.now() < end; ) await delay(5);
  socket.close();
  return { sent, lost: sent - back.size, repeated, longestGapMs, longestTripMs };
}

const [port, address, perSecond, durationMs] = process.argv.slice(2);
console.log('sending');
console.log(JSON.stringify(await send(Number(port), address, Number(perSecond), Number(durationMs))));
