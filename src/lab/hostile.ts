/**
 * A program for hosts: sends to a gossip port what a host without the key can: datagrams that were recorded, as they were,
 * changed, cut and lengthened, and noise; meanwhile it holds as many TCP connections to the port as it can, silent or
 * full of noise. It sends as fast as the node reads, so that the kernel drops nothing and the node has to judge all.
 *
 * `node hostile.js FILE PID PORT ADDRESS COUNT SEED`: FILE has a recorded datagram a line, in hexadecimal digits; PID is
 * the node's process. Prints `sending` once it has begun, and `HostileReport` as JSON at its end.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { seededRandom } from '../core/random.js';

/** What was sent, by kind, and how many connections were made. */
export interface HostileReport {
  readonly replayed: number;
  readonly changed: number;
  readonly cut: number;
  readonly lengthened: number;
  readonly noise: number;
  readonly connections: number;
}

const BURST = 64;
/** Bytes of the kernel's memory that may wait for the node. */
const WAITING = 512 * 1024;
const CONNECTIONS = 200;
/** The begin of a sealed datagram: magic, version, kind 1. */
const HEADER = Buffer.from('70770101', 'hex');

const [file, pid, portText, address, countText, seed] = process.argv.slice(2);
const port = Number(portText);
const random = seededRandom(Number(seed));
const below = (most: number) => Math.floor(random() * most);
const recorded = readFileSync(file, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => Buffer.from(line, 'hex'));
const NOISE = Buffer.from(Uint8Array.from({ length: 1 << 20 }, () => random() * 256));
const report = { replayed: 0, changed: 0, cut: 0, lengthened: 0, noise: 0, connections: 0 };

/** The next datagram. Half are changed: these look most like good ones. */
function datagram(): Buffer {
  const original = recorded[below(recorded.length)];
  const kind = random();
  if (kind < 0.5) {
    report.changed++;
    return changed(original);
  }
  if (kind < 0.7) {
    report.replayed++;
    return original;
  }
  if (kind < 0.8) {
    report.cut++;
    return original.subarray(0, below(original.length));
  }
  if (kind < 0.9) {
    report.lengthened++;
    return Buffer.concat([original, noise(1 + below(40))]);
  }
  report.noise++;
  const bytes = noise(below(1500));
  if (random() < 0.5) HEADER.copy(bytes);
  return bytes;
}

/** One to eight bytes of it are others. */
function changed(original: Buffer): Buffer {
  const bytes = Buffer.from(original);
  for (let left = 1 + below(8); left > 0; left--) bytes[below(bytes.length)] ^= 1 + below(255);
  return bytes;
}

function noise(length: number): Buffer {
  const from = below(NOISE.length - length);
  return Buffer.from(NOISE.subarray(from, from + length));
}

/** Bytes that wait in the node's socket. */
function waiting(): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync(`/proc/${pid}/net/udp`, 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find(([, local]) => local?.endsWith(end));
  return Number.parseInt(line?.[4].split(':')[1] ?? '0', 16);
}

/** Holds a connection, and makes another when it is closed. */
function hold(held: Set<Socket>): void {
  const socket = createConnection({ host: address, port });
  held.add(socket);
  report.connections++;
  const kind = random();
  if (kind < 0.3) socket.write(noise(below(2000)));
  // Something that could be a hello, and is not.
  else if (kind < 0.6) socket.write(Buffer.concat([Buffer.from([0, 0, 0, 80]), HEADER, noise(below(77))]));
  socket.on('error', () => {});
  socket.once('close', () => {
    if (held.delete(socket)) setTimeout(() => hold(held), 100);
  });
}

const socket = createSocket('udp4');
const send = promisify((bytes: Buffer, done: (error: Error | null) => void) => socket.send(bytes, done));
socket.connect(port, address);
await once(socket, 'connect');
const held = new Set<Socket>();
for (let i = 0; i < CONNECTIONS; i++) hold(held);
console.log('sending');
for (let left = Number(countText); left > 0; ) {
  while (waiting() > WAITING) await delay(1);
  const burst = Math.min(left, BURST);
  await Promise.all(Array.from({ length: burst }, () => send(datagram())));
  left -= burst;
}
while (waiting() > 0) await delay(1);
console.log(JSON.stringify(report satisfies HostileReport));
process.exit();
