import fc from 'fast-check';
import t from 'tap';
import { flowHash } from '../../../src/core/flow-hash.js';
import { ipv4, ipv6, udp, viewOf } from '../wire/packets.js';

const datagram = (source: number, destination: number) => udp([source, destination], Buffer.from('hi'));
const hash4 = (source: number, destination: number, from = '10.0.1.1', protocol = 17) =>
  flowHash(viewOf(ipv4({ source: from, protocol, payload: datagram(source, destination) })));

/** Chi-squared of how hashes fall into buckets; for 7 degrees of freedom 24.3 is passed once in a thousand. */
function unevenness(hashes: number[], bucket: (hash: number) => number): number {
  const counts = new Array<number>(8).fill(0);
  for (const hash of hashes) counts[bucket(hash)]++;
  const expected = hashes.length / 8;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

t.test('flows that differ little spread evenly', async (t) => {
  const range = Array.from({ length: 4096 }, (_, i) => i);
  const cases = {
    'sequential source ports': range.map((i) => hash4(32_768 + i, 443)),
    'every other source port': range.map((i) => hash4(32_768 + 2 * i, 443)),
    'sequential hosts': range.map((i) => hash4(40_000, 443, `10.1.${i >> 8}.${i & 255}`)),
    'IPv6 ports': range.map((i) => flowHash(viewOf(ipv6({ payload: datagram(32_768 + i, 443) })))),
  };
  for (const [name, hashes] of Object.entries(cases)) {
    const low = unevenness(hashes, (hash) => hash & 7);
    const high = unevenness(hashes, (hash) => hash >>> 28);
    const modulo = unevenness(hashes, (hash) => (hash % 56) & 7);
    t.ok(low < 24.3 && high < 24.3 && modulo < 24.3, `${name}: ${low}, ${high}, ${modulo}`);
    t.ok(new Set(hashes).size > 4090, `${name}: no collisions to speak of`);
  }
});

t.test('every bit counts, and each flips about half of the hash', async (t) => {
  const base = ipv4({ payload: datagram(40_000, 443) });
  const before = flowHash(viewOf(base));
  let flipped = 0;
  let bits = 0;
  // Source, destination and ports; bytes 20 to 23 follow the addresses.
  for (let bit = 12 * 8; bit < 24 * 8; bit++) {
    const packet = Buffer.from(base);
    packet[bit >> 3] ^= 1 << (bit & 7);
    const difference = (flowHash(viewOf(packet)) ^ before) >>> 0;
    t.not(difference, 0, `bit ${bit}`);
    for (let i = 0; i < 31; i++) flipped += (difference >>> i) & 1;
    bits += 31;
  }
  t.ok(Math.abs(flipped / bits - 0.5) < 0.05, `${flipped} of ${bits}`);
});

t.test('one flow, one hash', async (t) => {
  const one = ipv4({ payload: datagram(1, 2), id: 1, ttl: 9, tos: 4 });
  const other = ipv4({ payload: udp([1, 2], Buffer.alloc(99)), id: 2, options: Buffer.from([1, 1, 1, 1]) });
  t.equal(flowHash(viewOf(one)), flowHash(viewOf(other)));
  t.not(hash4(1, 2), hash4(1, 2, '10.0.1.1', 6), 'TCP is another flow than UDP');
  t.equal(hash4(1, 2, '10.0.1.1', 47), hash4(3, 4, '10.0.1.1', 47), 'GRE has no ports');
  t.type(hash4(1, 2), 'number');
});

t.test('all fragments of a datagram go one way', async (t) => {
  const first = ipv4({ payload: datagram(1, 2), moreFragments: true });
  const later = ipv4({ payload: Buffer.alloc(64, 7), fragmentOffset: 64 });
  t.equal(flowHash(viewOf(first)), flowHash(viewOf(later)));
  const header = (offset: number, more: number) =>
    Buffer.from([17, 0, offset >> 8, (offset & 0xf8) | more, 0, 0, 0, 1]);
  const six = (offset: number, more: number, payload: Buffer) =>
    flowHash(viewOf(ipv6({ next: 44, payload: Buffer.concat([header(offset, more), payload]) })));
  t.equal(six(0, 1, datagram(1, 2)), six(64, 0, Buffer.alloc(9)));
});

t.test('it is a number of 31 bits, and cut-off ports are not read', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5 }), fc.constantFrom(6, 17, 132, 1), (payload, protocol) => {
      const packet = ipv4({ protocol, payload: Buffer.from(payload) });
      const hash = flowHash(viewOf(packet, 0));
      // What stands behind the packet does not matter.
      const view = viewOf(Buffer.concat([packet, Buffer.alloc(8, 0x55)]), 0);
      return (hash & 0x7fff_ffff) === hash && flowHash(view) === hash;
    }),
  );
});
