/**
 * The device calls of one module, `addon` or `koffi`, tried in the network namespace that it was started in. Prints a
 * `TunReport`; native.test.ts compares those of both.
 */
import { execFileSync } from 'node:child_process';
import { Batch, FLAGS, LENGTH, MORE, OFFSET, RECORD, STATUS, VIRTIO_HEADER } from '../../src/bytes/batch.js';
import { POLLIN, type SystemError } from '../../src/os/system-calls.js';
import { icmpEcho, pattern } from '../unit/dataplane/packets.js';
import { both } from '../unit/os/both-system-calls.js';

export interface TunReport {
  /** `CODE CALL` of the errors. */
  readonly exclusive: string;
  readonly foreign: string;
  /** Errno for all offloads, none, and a mask that means nothing. */
  readonly offloads: { readonly all: number; readonly none: number; readonly senseless: number };
  readonly readWhileDown: number;
  readonly written: number;
  readonly statuses: readonly number[];
  /** Of each packet that came back: virtio header and packet, in hexadecimal. */
  readonly answers: readonly string[];
  readonly gone: string;
}

const HEADROOM = 64;
/** More slices than one writev takes. */
const TOO_MANY = 1025;

const system = both.find(({ name }) => name === process.argv[2])?.system;
if (!system) throw new Error(`no ${process.argv[2]}`);
const { tunOpen, tunOffload, tunRead, tunWrite, poll, close } = system;

const fd = tunOpen('tuncalls0', false, true);
const exclusive = failure(() => tunOpen('tuncalls0', false, true));
const foreign = failure(() => tunOpen('eth0', false, false));
const offloads = { all: tunOffload(fd, 0x0f), none: tunOffload(fd, 0), senseless: tunOffload(fd, 0x8000) };
const batch = Batch.allocate(400_000, 2000);
const readWhileDown = read();
ip('link set tuncalls0 addrgenmode none up');
ip('addr add 192.0.2.1/24 dev tuncalls0');

// Whole; neither IPv4 nor IPv6; in three slices of which the last stands first; in too many.
append(echo(100), [0]);
append(Buffer.alloc(40), [0]);
append(echo(200), [0, 30, 31]);
append(
  echo(2000),
  Array.from({ length: TOO_MANY }, (_, i) => i),
);
const written = tunWrite(fd, batch.bytes, batch.records, batch.count);
const statuses = Array.from({ length: 6 }, (_, i) => batch.records[i * RECORD + STATUS]);
const answers: string[] = [];
while (answers.length < 2 && poll(Int32Array.of(fd, POLLIN, 0), 2000) > 0) {
  const count = read();
  for (let row = 0; row < count * RECORD; row += RECORD) {
    const offset = batch.records[row + OFFSET];
    const packet = batch.bytes.subarray(offset - VIRTIO_HEADER, offset + batch.records[row + LENGTH]);
    // The kernel's own first words, in IPv6, are no answers.
    if (packet[VIRTIO_HEADER] !== 0x45) continue;
    // Identification and checksum of the IPv4 header: the kernel's choice.
    packet.fill(0, VIRTIO_HEADER + 4, VIRTIO_HEADER + 6).fill(0, VIRTIO_HEADER + 10, VIRTIO_HEADER + 12);
    answers.push(packet.toString('hex'));
  }
}
ip('link del tuncalls0');
const gone = failure(read);
close(fd);
const report: TunReport = {
  exclusive,
  foreign,
  offloads,
  readWhileDown,
  written,
  statuses,
  answers,
  gone,
};
console.log(JSON.stringify(report));

function read(): number {
  return tunRead(fd, batch.bytes, HEADROOM, 0, batch.bytes.length, batch.records, 0);
}

function echo(size: number): Buffer {
  return icmpEcho({ from: '192.0.2.7', to: '192.0.2.1' }, pattern(size));
}

/** Adds a packet in slices that begin at `cuts`, laid into the arena last slice first. */
function append(packet: Buffer, cuts: number[]): void {
  const pieces = cuts.map((cut, i) => packet.subarray(cut, cuts[i + 1]));
  const offsets = new Map<Buffer, number>();
  for (const piece of [...pieces].reverse()) {
    batch.cursor += VIRTIO_HEADER;
    piece.copy(batch.bytes, batch.cursor);
    offsets.set(piece, batch.cursor);
    batch.cursor += piece.length;
  }
  pieces.forEach((piece, i) => {
    const row = batch.append(offsets.get(piece) ?? 0, piece.length);
    if (i < pieces.length - 1) batch.records[row + FLAGS] = MORE;
  });
}

function failure(act: () => unknown): string {
  try {
    return `no failure: ${act()}`;
  } catch (error) {
    const { code, syscall, message } = error as SystemError;
    return code ? `${code} ${syscall}` : message;
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '));
}
