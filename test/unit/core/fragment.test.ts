import fc from 'fast-check';
import t from 'tap';
import { fragment } from '../../../src/core/fragment.js';
import { checksum, ipv4, ipv6, viewOf } from '../wire/packets.js';

const HEADROOM = 24;

/** The fragments of a packet; their headroom and the bytes behind must stay as they were. */
function fragments(packet: Buffer, mtu: number): Buffer[] {
  const target = Buffer.alloc(400_000, 0xee);
  const pieces = new Int32Array(20_000);
  const count = fragment(viewOf(packet), mtu, HEADROOM, target, 5, target.length, pieces);
  const found: Buffer[] = [];
  let cursor = 5;
  for (let i = 0; i < count; i++) {
    const [start, length] = pieces.subarray(2 * i, 2 * i + 2);
    if (start !== cursor + HEADROOM) throw new Error(`fragment ${i} stands at ${start}, not behind its headroom`);
    if (!target.subarray(cursor, start).every((byte) => byte === 0xee)) throw new Error('headroom was written');
    found.push(Buffer.from(target.subarray(start, start + length)));
    cursor = start + length;
  }
  if (!target.subarray(cursor, cursor + 64).every((byte) => byte === 0xee)) throw new Error('written behind the end');
  return found;
}

interface Piece {
  header: Buffer;
  offset: number;
  more: boolean;
  payload: Buffer;
}

/** Reads a fragment and checks what must hold for each. */
function piece(packet: Buffer): Piece {
  const size = (packet[0] & 15) * 4;
  if (packet.readUInt16BE(2) !== packet.length) throw new Error('total length');
  if (checksum(packet.subarray(0, size)) !== 0) throw new Error('header checksum');
  const bits = packet.readUInt16BE(6);
  return {
    header: packet.subarray(0, size),
    offset: (bits & 0x1fff) * 8,
    more: (bits & 0x2000) !== 0,
    payload: packet.subarray(size),
  };
}

/** A naive reassembler: the payload of a train of fragments that leaves no gap, and whether more would follow. */
function reassemble(packets: Buffer[], from = 0): { payload: Buffer; more: boolean } {
  const pieces = packets.map(piece).sort((one, other) => one.offset - other.offset);
  let end = from;
  pieces.forEach((piece, i) => {
    if (piece.offset !== end) throw new Error(`a gap at ${end}`);
    if (i < pieces.length - 1 && !piece.more) throw new Error('ends too early');
    end += piece.payload.length;
  });
  return { payload: Buffer.concat(pieces.map((piece) => piece.payload)), more: pieces[pieces.length - 1].more };
}

t.test('RFC 791, appendix A, example 2', async (t) => {
  const whole = ipv4({ payload: Buffer.alloc(452, 1), id: 111, ttl: 123, protocol: 6 });
  const [first, second, ...none] = fragments(whole, 280);
  t.same(none, []);
  t.match(piece(first), { offset: 0, more: true });
  t.match(piece(second), { offset: 256, more: false });
  t.equal(first.length, 276);
  t.equal(second.length, 216);
  t.equal(second.readUInt16BE(6), 32);
  t.equal(second.readUInt16BE(4), 111);
});

t.test('what is cut can be put together again', async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 6000 });
  const options = fc.constantFrom('', '01010100', '94040000', '0703040a000001000000', '8203010183070401020304');
  const offset = fc.nat(500).map((units) => units * 8);
  fc.assert(
    fc.property(
      bytes,
      options,
      fc.integer({ min: 68, max: 1500 }),
      offset,
      fc.boolean(),
      (data, hex, mtu, from, more) => {
        const list = Buffer.from(hex, 'hex');
        const padded = Buffer.concat([list, Buffer.alloc((4 - (list.length % 4)) % 4)]);
        const packet = { options: padded, tos: 0x28, ttl: 9, id: 77, fragmentOffset: from, moreFragments: more };
        const whole = ipv4({ ...packet, payload: Buffer.from(data) });
        const cut = fragments(whole, mtu);
        const back = reassemble(cut, from);
        return (
          cut.length > 0 &&
          cut.every((packet) => packet.length <= mtu) &&
          back.payload.equals(Buffer.from(data)) &&
          back.more === more &&
          cut.slice(0, -1).every((packet) => piece(packet).payload.length % 8 === 0) &&
          cut.slice(0, -1).every((packet) => packet.length + 8 > mtu) &&
          // All that is not about lengths and offsets is as it was.
          cut.every((packet) => packet.readUInt16BE(4) === 77 && packet[1] === 0x28 && packet[8] === 9) &&
          cut.every((packet) => packet.subarray(12, 20).equals(whole.subarray(12, 20))) &&
          piece(cut[0]).header.subarray(20).equals(padded)
        );
      },
    ),
    { numRuns: 300 },
  );
});

t.test('fragments are cut again', async (t) => {
  const data = Buffer.from(Array.from({ length: 4000 }, (_, i) => i & 255));
  const whole = ipv4({ payload: data });
  const twice = fragments(whole, 1400).flatMap((packet) => fragments(packet, 576));
  t.same(reassemble(twice), { payload: data, more: false });
});

t.test('options are copied as their copy bit says', async (t) => {
  // Record route (not copied), padding, router alert (copied), stream identifier (copied), end.
  const options = Buffer.from(`0707040a000001${'01'}94040000${'8804abcd'}000000`.padEnd(40, '0'), 'hex');
  const [first, second] = fragments(ipv4({ payload: Buffer.alloc(200), options }), 120);
  t.same(piece(first).header.subarray(20), options);
  t.equal(piece(second).header.subarray(20).toString('hex'), '940400008804abcd');
  const odd = Buffer.from('8303040000000000', 'hex');
  const [, padded] = fragments(ipv4({ payload: Buffer.alloc(200), options: odd }), 120);
  t.equal(piece(padded).header.subarray(20).toString('hex'), '83030400', 'padded to four bytes');
});

t.test('options that cannot be read end the list', async (t) => {
  for (const hex of ['94000000', '94010000', '94ff0000', '01010194']) {
    const [, second] = fragments(ipv4({ payload: Buffer.alloc(200), options: Buffer.from(hex, 'hex') }), 120);
    t.equal(piece(second).header.length, 20, hex);
  }
});

t.test('a packet that fits stays whole', async (t) => {
  const packet = ipv4({ payload: Buffer.alloc(77, 1) });
  t.same(fragments(packet, packet.length), [packet]);
  t.same(fragments(ipv4({ payload: Buffer.alloc(0) }), 68), [ipv4({ payload: Buffer.alloc(0) })]);
});

t.test('what does not fit writes nothing', async (t) => {
  const view = viewOf(ipv4({ payload: Buffer.alloc(1000) }));
  const nothing = (name: string, mtu: number, limit: number, words: number, other = view) => {
    const target = Buffer.alloc(4000, 0xee);
    const pieces = new Int32Array(words).fill(7);
    t.equal(fragment(other, mtu, HEADROOM, target, 0, limit, pieces), 0, name);
    t.ok(target.every((byte) => byte === 0xee) && pieces.every((word) => word === 7), name);
  };
  // 480 and 480 and 40 bytes of payload: three fragments, each with header and headroom.
  const size = 1000 + 3 * (20 + HEADROOM);
  nothing('limit', 500, size - 1, 100);
  nothing('pieces', 500, 4000, 5);
  nothing('no room for payload', 27, 4000, 1000);
  nothing('IPv6', 500, 4000, 100, viewOf(ipv6({ payload: Buffer.alloc(1000) })));
  t.equal(fragment(view, 500, HEADROOM, Buffer.alloc(size), 0, size, new Int32Array(6)), 3);
});
