/**
 * A program for pods: a known number of numbered UDP datagrams, and what comes of them.
 *
 * `node flood-child.js receive ADDRESS PORT`: prints `listening`; once its standard input ends, a `FloodReceived`.
 * `node flood-child.js send ADDRESS PORT COUNT BYTES PAUSE`: prints how many the kernel took; PAUSE ms follow each 64.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ADDRESS, Batch, OFFSET, PORT, RECORD, SEGMENT } from '../../src/bytes/batch.js';
import { loadNative } from '../../src/os/native.js';
import { type Address, addressBytes, parseAddress } from '../../src/wire/address.js';

export interface FloodReceived {
  /** Different ones. */
  readonly received: number;
  readonly duplicates: number;
  /** At this program's own socket, which is no part of podwire. */
  readonly dropped: number;
}

const BUFFER = 256 << 20;
const CHUNK = 64;
const SLOT = 65_536;

const { system } = loadNative();
const plain = { reusePort: false, gro: false, buffer: BUFFER };

function read(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
}

async function receive(own: Address, port: number): Promise<FloodReceived> {
  const fd = system.udpOpen({ ...plain, address: addressBytes(own), port, receive: true, sendOnly: false });
  const batch = Batch.allocate(CHUNK * SLOT, CHUNK);
  const seen = new Set<number>();
  let duplicates = 0;
  let ended = false;
  process.stdin.resume().once('end', () => {
    ended = true;
  });
  console.log('listening');
  for (let more = true; more || !ended; ) {
    const count = system.udpReceive(fd, batch.bytes, 0, SLOT, batch.records, 0, CHUNK);
    for (let row = 0; row < count * RECORD; row += RECORD) {
      const number = batch.bytes.readUInt32BE(batch.records[row + OFFSET]);
      if (seen.has(number)) duplicates++;
      seen.add(number);
    }
    more = count > 0;
    await (more ? undefined : delay(1));
  }
  return { received: seen.size, duplicates, dropped: system.udpDrops(fd) };
}

async function send(to: Address, port: number, count: number, size: number, pauseMs: number): Promise<number> {
  const any = read(to.family === 4 ? '0.0.0.0' : '::');
  const fd = system.udpOpen({ ...plain, address: addressBytes(any), port: 0, receive: false, sendOnly: true });
  const batch = Batch.allocate(CHUNK * size, CHUNK);
  let sent = 0;
  for (let number = 0; number < count; ) {
    batch.clear();
    for (; batch.count < CHUNK && number < count; number++) {
      const at = batch.count * size;
      batch.bytes.writeUInt32BE(number, at);
      const row = batch.append(at, size);
      batch.records[row + SEGMENT] = 0;
      batch.records[row + PORT] = port;
      batch.records.set(to.words, row + ADDRESS);
    }
    sent += system.udpSend(Int32Array.of(fd), batch.bytes, batch.records, batch.count, 100);
    if (pauseMs > 0) await delay(pauseMs);
  }
  return sent;
}

const [role, address, port, count, size, pauseMs] = process.argv.slice(2);
if (role === 'receive') console.log(JSON.stringify(await receive(read(address), Number(port))));
else console.log(await send(read(address), Number(port), Number(count), Number(size), Number(pauseMs)));
