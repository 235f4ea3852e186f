/** Compares two byte works on random input; run by the differential test and, under the sanitizers, by another process. */
import { ALONE, FLAGS, LENGTH, OFFSET, RECORD, VIRTIO_HEADER } from '../../../src/bytes/batch.js';
import type { ByteWork } from '../../../src/bytes/work.js';
import { seededRandom } from '../../../src/core/random.js';
import { chance, superpacket, train } from './random-packets.js';

/** What a call returned or threw, and what it did to the memory. */
function outcome(call: () => number, ...memory: Uint8Array[]): string {
  let result: string;
  try {
    result = `${call()}`;
  } catch (error) {
    result = error instanceof RangeError ? 'RangeError' : `${error}`;
  }
  return [
    result,
    ...memory.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')),
  ].join(' ');
}

/** Returns the first difference in words, or undefined. */
export function compare(one: ByteWork, other: ByteWork, seed: number, rounds: number): string | undefined {
  const random = seededRandom(seed);
  for (let round = 0; round < rounds; round++) {
    const difference =
      compareSum(one, other, random) ??
      compareSplit(one, other, random) ??
      compareJoin(one, other, random) ??
      compareAlike(one, other, random);
    if (difference) return `seed ${seed}, round ${round}: ${difference}`;
  }
  return undefined;
}

function compareSum(one: ByteWork, other: ByteWork, random: () => number): string | undefined {
  const { below, bytes, often } = chance(random);
  const memory = bytes(below(often(0.1) ? 5000 : 100));
  const [offset, length, initial] = [below(40), below(memory.length + 10), below(2 ** 32)];
  const results = [one, other].map((work) => outcome(() => work.sum(memory, offset, length, initial)));
  return results[0] === results[1] ? undefined : `sum of ${length} bytes: ${results}`;
}

function compareSplit(one: ByteWork, other: ByteWork, random: () => number): string | undefined {
  const { below, bytes, often } = chance(random);
  const { packet, udp, transport, headers, segment } = superpacket(random);
  if (often(0.05)) packet[below(Math.min(packet.length, 60))] ^= below(256);
  const prefix = bytes(22);
  const start = below(64);
  const target = start + packet.length + 22 + (often(0.05) ? -below(200) : below(8));
  const room = often(0.1) ? below(packet.length * 2) : packet.length + 200 + Math.ceil(packet.length / segment) * 120;
  const wrong = often(0.05) ? below(9) - 4 : 0;
  const results = [one, other].map((work) => {
    const arena = Buffer.alloc(Math.max(0, target + room), 0xa5);
    packet.copy(arena, start);
    prefix.copy(arena, start + packet.length);
    const split = () =>
      work.split(
        arena,
        start,
        packet.length + wrong,
        transport + wrong,
        headers,
        udp,
        segment,
        start + packet.length,
        22,
        target,
        arena.length,
      );
    return outcome(split, arena);
  });
  return results[0] === results[1] ? undefined : `split of ${packet.toString('hex')} into ${segment}`;
}

function compareJoin(one: ByteWork, other: ByteWork, random: () => number): string | undefined {
  const { often } = chance(random);
  const packets = train(random);
  const [tcp, udp] = [often(0.9), often(0.9)];
  const alone = packets.map(() => (often(0.1) ? ALONE : 0));
  const results = [one, other].map((work) => {
    const { arena, records } = lay(packets);
    for (const [i, flags] of alone.entries()) records[i * RECORD + FLAGS] = flags;
    const joined = new Int32Array(records.length);
    return outcome(
      () => work.join(arena, records, packets.length, joined, tcp, udp),
      arena,
      new Uint8Array(joined.buffer),
    );
  });
  return results[0] === results[1] ? undefined : `join of ${packets.map((packet) => packet.toString('hex'))}`;
}

function compareAlike(one: ByteWork, other: ByteWork, random: () => number): string | undefined {
  const { below, bytes, often } = chance(random);
  const [offset, step, count] = [below(20), 1 + below(100), below(8)];
  const memory = Buffer.alloc(offset + step * (count + 1) + (often(0.05) ? -1 : 0));
  const piece = bytes(step);
  for (let at = offset; at < memory.length; at += step) piece.copy(memory, at);
  if (often(0.5)) memory[below(memory.length)] ^= 1 << below(8);
  const mask = bytes(below(step + (often(0.05) ? 2 : 1)));
  const results = [one, other].map((work) => outcome(() => work.alike(memory, offset, step, count, mask)));
  return results[0] === results[1] ? undefined : `alike of ${count} pieces of ${step} bytes: ${results}`;
}

/** Packets in an arena, each with room for its virtio header, and their records. */
export function lay(packets: readonly Buffer[]): { arena: Buffer; records: Int32Array } {
  const records = new Int32Array(packets.length * RECORD);
  const arena = Buffer.alloc(
    packets.reduce((sum, packet) => sum + packet.length + VIRTIO_HEADER, 0),
    0xa5,
  );
  let at = 0;
  packets.forEach((packet, i) => {
    at += VIRTIO_HEADER;
    packet.copy(arena, at);
    records[i * RECORD + OFFSET] = at;
    records[i * RECORD + LENGTH] = packet.length;
    at += packet.length;
  });
  return { arena, records };
}
