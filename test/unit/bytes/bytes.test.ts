/** The byte work against the books: golden sums, a naive sum, and what split and join owe each other. */
import t from 'tap';
import { FLAGS, LENGTH, MORE, OFFSET, RECORD, VIRTIO_HEADER } from '../../../src/bytes/batch.js';
import { twins } from '../../../src/bytes/index.js';
import { seededRandom } from '../../../src/core/random.js';
import { needsChecksum } from '../../../src/wire/virtio.js';
import { checksumsOk, payloadOf, udpPacket } from '../dataplane/packets.js';
import { chance, superpacket, train } from './random-packets.js';
import { lay } from './twins.js';

const seed = Number(process.env['PODWIRE_SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(seed);
const { below, bytes } = chance(random);
t.comment(`seed ${seed}`);

/** RFC 1071 §4.1, word by word. */
function naiveSum(memory: Buffer, initial: number): number {
  let sum = BigInt(initial);
  for (let i = 0; i < memory.length; i += 2) sum += BigInt((memory[i] << 8) | (memory[i + 1] ?? 0));
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum);
}

t.test('checksum: the example of RFC 1071 §3, and a naive sum', (t) => {
  t.equal(twins.sum(Buffer.from('0001f203f4f5f6f7', 'hex'), 0, 8, 0), 0xddf2);
  for (let i = 0; i < 500; i++) {
    const memory = bytes(below(3000));
    const initial = below(2 ** 32);
    t.equal(twins.sum(memory, 0, memory.length, initial), naiveSum(memory, initial)) || t.comment(memory.length);
  }
  t.equal(twins.sum(Buffer.alloc(100_001, 0xff), 0, 100_001, 0), naiveSum(Buffer.alloc(100_001, 0xff), 0));
  t.end();
});

/** Cuts a superpacket behind a prefix of two bytes; returns the IP packets. */
function cut(packet: Buffer, udp: boolean, transport: number, headers: number, segment: number): Buffer[] {
  const arena = Buffer.alloc(packet.length + 2 + packet.length + 100 + Math.ceil(packet.length / segment) * 120);
  packet.copy(arena);
  arena.write('>>', packet.length);
  const target = packet.length + 2;
  const written = twins.split(
    arena,
    0,
    packet.length,
    transport,
    headers,
    udp,
    segment,
    packet.length,
    2,
    target,
    arena.length,
  );
  const frames: Buffer[] = [];
  for (let at = target; at < target + written; ) {
    if (arena.toString('latin1', at, at + 2) !== '>>') throw new Error('no prefix');
    const v4 = arena[at + 2] >> 4 === 4;
    const length = v4 ? arena.readUInt16BE(at + 4) : arena.readUInt16BE(at + 6) + 40;
    frames.push(Buffer.from(arena.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return frames;
}

t.test('split: right checksums, the payload in order, FIN and PSH last, CWR first', (t) => {
  for (let i = 0; i < 300; i++) {
    const { packet, udp, transport, headers, segment } = superpacket(random);
    const frames = cut(packet, udp, transport, headers, segment);
    const payload = packet.subarray(headers);
    t.equal(frames.length, Math.max(1, Math.ceil(payload.length / segment)));
    t.ok(frames.every(checksumsOk));
    t.ok(Buffer.concat(frames.map(payloadOf)).equals(payload));
    if (udp) continue;
    const flags = packet[transport + 13];
    frames.forEach((frame, n) => {
      const last = n === frames.length - 1;
      t.equal(frame[transport + 13], flags & (last ? 0xff : ~0x09) & (n === 0 ? 0xff : ~0x80));
      t.equal(frame.readUInt32BE(transport + 4), (packet.readUInt32BE(transport + 4) + n * segment) >>> 0);
    });
  }
  t.end();
});

t.test('join: a UDP superpacket has at most 64 datagrams, as the kernel cuts no more than 128', (t) => {
  const packets = Array.from({ length: 150 }, () =>
    udpPacket({ from: '10.1.0.1', to: '10.2.0.1' }, Buffer.alloc(30, 7)),
  );
  const { arena, records } = lay(packets);
  const joined = new Int32Array(records.length);
  const count = twins.join(arena, records, packets.length, joined, true, true);
  const lengths: number[] = [];
  let length = 0;
  for (let row = 0; row < count * RECORD; row += RECORD) {
    length++;
    if ((joined[row + FLAGS] & MORE) !== 0) continue;
    lengths.push(length);
    length = 0;
  }
  t.same(lengths, [64, 64, 22]);
  t.end();
});

t.test('join: a split of what was joined gives back the very packets, in the order of each flow', (t) => {
  for (let i = 0; i < 300; i++) {
    const packets = train(random);
    const { arena, records } = lay(packets);
    const joined = new Int32Array(records.length);
    const count = twins.join(arena, records, packets.length, joined, true, true);
    const out: Buffer[] = [];
    for (let row = 0; row < count * RECORD; row += RECORD) {
      const head = joined[row + OFFSET];
      const pieces = [arena.subarray(head, head + joined[row + LENGTH])];
      while ((joined[row + FLAGS] & MORE) !== 0) {
        row += RECORD;
        pieces.push(arena.subarray(joined[row + OFFSET], joined[row + OFFSET] + joined[row + LENGTH]));
      }
      const packet = Buffer.concat(pieces);
      if (!needsChecksum(arena, head - VIRTIO_HEADER)) {
        out.push(packet);
        continue;
      }
      const headers = arena.readUInt16LE(head - VIRTIO_HEADER + 2);
      const segment = arena.readUInt16LE(head - VIRTIO_HEADER + 4);
      const transport = packet[0] >> 4 === 4 ? 20 : 40;
      out.push(...cut(packet, packet[transport === 20 ? 9 : 6] === 17, transport, headers, segment));
    }
    const flowOf = (packet: Buffer) =>
      packet[0] >> 4 === 4 ? packet.toString('hex', 12, 24) : packet.toString('hex', 8, 44);
    const flows = (list: Buffer[]) => {
      const byFlow = new Map<string, string[]>();
      // Identifications of datagrams with DF mean nothing (RFC 6864), and so does their part of the header's checksum.
      for (const packet of list) {
        const plain = Buffer.from(packet);
        if (plain[0] >> 4 === 4 && plain.length >= 20) plain.fill(0, 4, 6).fill(0, 10, 12);
        byFlow.set(flowOf(packet), [...(byFlow.get(flowOf(packet)) ?? []), plain.toString('hex')]);
      }
      return [...byFlow].sort();
    };
    t.same(flows(out), flows(packets)) || t.comment(`train ${i}`);
  }
  t.end();
});
