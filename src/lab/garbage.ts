/**
 * A program for hosts: sends garbage over UDP as fast as it can, until it is killed. Noise of any length, and frames that
 * are almost right.
 *
 * `node garbage.js PORT ADDRESS SEED`: prints `sending` once it has begun.
 */
import { createSocket } from 'node:dgram';
import { seededRandom } from '../core/random.js';

const [port, address, seed] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const socket = createSocket('udp4');

/** The begin of a frame: valid flags and VNI 1. */
const HEADER = Buffer.from('0800000000000100', 'hex');

function garbage(): Buffer {
  const bytes = Buffer.from(Uint8Array.from({ length: Math.floor(random() ** 3 * 1400) }, () => random() * 256));
  const kind = random();
  if (kind < 0.6) HEADER.copy(bytes);
  if (kind < 0.1 && bytes.length > 6) bytes[6] = 2;
  return bytes;
}

const samples = Array.from({ length: 500 }, garbage);

function burst(): void {
  let waiting = 64;
  for (let i = 0; i < 64; i++) {
    const sample = samples[Math.floor(random() * samples.length)];
    socket.send(sample, Number(port), address, () => {
      if (--waiting === 0) setImmediate(burst);
    });
  }
}

socket.on('error', () => {});
burst();
console.log('sending');
