/**
 * A program for pods: UDP datagrams of any size, to an echo and back, each compared with what was sent.
 *
 * `node datagrams.js echo PORT`: prints `listening`, sends back what comes.
 * `node datagrams.js send PORT ADDRESS COUNT BYTES`: prints a `DatagramReport`, ends.
 */
import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';

export interface DatagramReport {
  readonly sent: number;
  /** Came back as they were sent. */
  readonly intact: number;
  readonly damaged: number;
}

/** Between two, ms: a queue's length is not what is tried here. */
const PACE = 2;
/** Bytes, as far as the system allows: what comes in a burst is not lost here. */
const BUFFER = 4 << 20;
/** How long the last may take, ms. */
const PATIENCE = 500;

function echo(port: number): void {
  const socket = createSocket({ type: 'udp6', ipv6Only: false, recvBufferSize: BUFFER });
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(port, '::', () => console.log('listening'));
}

async function send(port: number, address: string, count: number, size: number): Promise<DatagramReport> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const waiting = new Set<number>();
  let intact = 0;
  let damaged = 0;
  socket.on('error', () => {}); // refused or too big: it counts as not come back
  socket.on('message', (bytes) => {
    const number = bytes.length >= 4 ? bytes.readUInt32BE() : -1;
    if (waiting.delete(number) && bytes.equals(datagram(number, size))) intact++;
    else damaged++;
  });
  for (let i = 0; i < count; i++) {
    waiting.add(i);
    socket.send(datagram(i, size), port, address, () => {});
    await delay(PACE);
  }
  for (const end = performance.now() + PATIENCE; waiting.size > 0 && performance.now() < end; ) await delay(5);
  socket.close();
  return { sent: count, intact, damaged };
}

/** Its number, and bytes that differ from place to place and from one to the next. */
function datagram(number: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = at * 7 + (at >>> 8) + number * 13;
  bytes.writeUInt32BE(number);
  return bytes;
}

const [role, port, address, count, size] = process.argv.slice(2);
if (role === 'echo') echo(Number(port));
else console.log(JSON.stringify(await send(Number(port), address, Number(count), Number(size))));
