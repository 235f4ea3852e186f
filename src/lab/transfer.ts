/**
 * A program for pods: one TCP transfer, with a checksum of every byte at both ends.
 *
 * `node transfer.js receive PORT`: prints `listening`, takes one connection, prints a `TransferEnd`, ends.
 * `node transfer.js send PORT ADDRESS MILLISECONDS`: sends for so long, prints a `TransferEnd`, ends.
 */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';

/** What one end knows of a transfer. */
export interface TransferEnd {
  readonly bytes: number;
  /** CRC-32 over all of them, in their order. */
  readonly crc: number;
  /** From the first byte to the last, milliseconds. */
  readonly ms: number;
}

async function receive(port: number): Promise<TransferEnd> {
  const server = createServer().listen({ host: '::', port }, () => console.log('listening'));
  const [socket]: Socket[] = await once(server, 'connection');
  server.close();
  let bytes = 0;
  let crc = 0;
  let started = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (bytes === 0) started = performance.now();
    bytes += chunk.length;
    crc = crc32(chunk, crc);
  }
  return { bytes, crc, ms: performance.now() - started };
}

async function send(port: number, host: string, durationMs: number): Promise<TransferEnd> {
  const socket = createConnection({ host, port });
  await once(socket, 'connect');
  const block = Buffer.alloc(256 * 1024);
  for (let at = 0; at < block.length; at++) block[at] = (at * 31 + (at >>> 8)) & 0xff;
  const started = performance.now();
  let bytes = 0;
  let crc = 0;
  while (performance.now() - started < durationMs) {
    // The kernel may still read a block while the next is made: each is its own copy, and tells its place.
    const own = Buffer.from(block);
    own.writeDoubleBE(bytes);
    crc = crc32(own, crc);
    bytes += own.length;
    if (!socket.write(own)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'close');
  return { bytes, crc, ms: performance.now() - started };
}

const [role, port, host, durationMs] = process.argv.slice(2);
const end = role === 'send' ? await send(Number(port), host, Number(durationMs)) : await receive(Number(port));
console.log(JSON.stringify(end));
