import fc from 'fast-check';
import t from 'tap';
import type { ForwardingChange, PeerRecord } from '../../../../src/core/forwarding/change.js';
import { NOBODY, PREFIX_BYTES } from '../../../../src/core/forwarding/change.js';
import { ForwardingReader } from '../../../../src/core/forwarding/forwarding-reader.js';
import { ForwardingTable } from '../../../../src/core/forwarding/forwarding-table.js';
import type { Address, Prefix, Words } from '../../../../src/wire/address.js';
import { parseAddress, parsePrefix, prefixOf } from '../../../../src/wire/address.js';
import { NaiveTable } from './naive-table.js';

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function record(last: number, overlay: readonly Address[] = []): PeerRecord {
  const bytes = Uint8Array.from({ length: PREFIX_BYTES }, (_, i) => (last + i) & 255);
  return {
    underlay: { family: 4, words: [0, 0, 0xffff, 0x0a650000 + last] },
    port: 8472 + last,
    prefix: bytes,
    ecn: last % 2 === 1,
    overlay,
  };
}

const setPeer = (peer: number): ForwardingChange => ({ kind: 'setPeer', peer, record: record(peer) });
const removePeer = (peer: number): ForwardingChange => ({ kind: 'removePeer', peer });
const setPrefix = (text: string, peer: number, underlay = false): ForwardingChange => {
  return { kind: 'setPrefix', prefix: prefix(text), peer, underlay };
};
const removePrefix = (text: string): ForwardingChange => ({ kind: 'removePrefix', prefix: prefix(text) });

/** A table and its reader, in a turn of its own for every question. */
function open(options: { maxPrefixes?: number; maxPeers?: number; random?: (words: Int32Array) => void } = {}) {
  const table = ForwardingTable.create({ ...options, readers: 1 });
  const reader = new ForwardingReader(table.memory, 0);
  const ask = <T>(question: (reader: ForwardingReader) => T): T => {
    reader.begin();
    const answer = question(reader);
    reader.rest();
    return answer;
  };
  const owner = (at: Address) => ask((r) => r.owner(...at.words));
  const sender = (at: Address) => ask((r) => r.sender(...at.words));
  return { table, ask, owner, sender };
}

t.test('the longest prefix wins, whatever the order of insertion', async (t) => {
  const { table, owner } = open();
  await table.apply([
    setPeer(1),
    setPeer(2),
    setPeer(3),
    setPrefix('10.0.0.0/8', 1),
    setPrefix('10.1.2.3/32', 3),
    setPrefix('10.1.2.0/24', 2),
    setPrefix('fd00:1::/64', 2),
    setPrefix('fd00::/16', 1),
  ]);
  t.equal(owner(address('10.9.9.9')), 1);
  t.equal(owner(address('10.1.2.4')), 2);
  t.equal(owner(address('10.1.2.3')), 3);
  t.equal(owner(address('11.0.0.0')), NOBODY);
  t.equal(owner(address('fd00:1::5')), 2);
  t.equal(owner(address('fd00:2::5')), 1);
  t.equal(owner(address('fe00::')), NOBODY);
  t.strictSame(table.size, { prefixes: 5, peers: 3 });
});

t.test('the default route of one family is none of the other', async (t) => {
  const { table, owner } = open();
  await table.apply([setPeer(1), setPrefix('::/0', 1)]);
  t.equal(owner(address('2001:db8::1')), 1);
  t.equal(owner(address('10.0.0.1')), NOBODY, '::/0 holds no IPv4 address');
  await table.apply([removePrefix('::/0'), setPrefix('0.0.0.0/0', 1)]);
  t.equal(owner(address('10.0.0.1')), 1);
  t.equal(owner(address('2001:db8::1')), NOBODY);
});

t.test('a sender is known by its own underlay address only', async (t) => {
  const { table, owner, sender } = open();
  await table.apply([
    setPeer(1),
    setPrefix('10.244.1.0/24', 1),
    setPrefix('10.244.1.0/32', 1),
    setPrefix('192.168.7.2/32', 1, true),
    setPrefix('fd00:9::2/128', 1, true),
  ]);
  t.equal(sender(address('192.168.7.2')), 1);
  t.equal(sender(address('fd00:9::2')), 1);
  t.equal(owner(address('192.168.7.2')), 1, 'which it owns, too');
  t.equal(sender(address('192.168.7.3')), NOBODY);
  t.equal(sender(address('10.244.1.0')), NOBODY, 'an overlay host address is no underlay address');
  t.equal(sender(address('10.244.1.9')), NOBODY, 'nor one in its subnet');
  await table.apply([removePrefix('192.168.7.2/32')]);
  t.equal(sender(address('192.168.7.2')), NOBODY);
});

t.test('a peer record comes back as it was written', async (t) => {
  const { table, ask } = open();
  const overlay = [address('fd00:1::2'), address('10.244.1.0')];
  const underlay = address('2001:db8::7');
  await table.apply([{ kind: 'setPeer', peer: 5, record: { ...record(1, overlay), underlay } }, setPeer(6)]);
  const bytes = Buffer.alloc(PREFIX_BYTES + 2, 0xee);
  const seen = ask((r) => {
    r.copyPrefix(5, bytes, 1);
    const four = [0, 1, 2, 3];
    return {
      underlay: four.map((i) => r.underlayWord(5, i)),
      port: r.port(5),
      ecn: [r.readsEcn(5), r.readsEcn(6)],
      has: [r.hasOverlay(5, 4), r.hasOverlay(5, 6), r.hasOverlay(6, 4), r.hasOverlay(6, 6)],
      v4: four.map((i) => r.overlayWord(5, 4, i)),
      v6: four.map((i) => r.overlayWord(5, 6, i)),
    };
  });
  t.strictSame(seen, {
    underlay: [...underlay.words],
    ecn: [true, false],
    port: 8473,
    has: [true, true, false, false],
    v4: [...overlay[1].words],
    v6: [...overlay[0].words],
  });
  t.strictSame([...bytes], [0xee, ...record(1).prefix, 0xee], 'the prefix, and not a byte beside it');
  await table.apply([setPeer(5)]);
  const left = ask((r) => [r.hasOverlay(5, 4), r.hasOverlay(5, 6), r.overlayWord(5, 4, 3), r.overlayWord(5, 6, 0)]);
  t.strictSame(left, [false, false, 0, 0], 'a new record leaves nothing of the old one');
});

t.test('what is refused changes nothing and says why', async (t) => {
  const { table, owner } = open({ maxPrefixes: 4, maxPeers: 4 });
  await table.apply([setPeer(1), setPeer(2), setPrefix('10.1.0.0/16', 1), setPrefix('10.2.0.0/16', 2)]);
  const raw = (family: 4 | 6, words: Words, length: number): ForwardingChange => {
    return { kind: 'setPrefix', prefix: { family, words, length }, peer: 1, underlay: false };
  };
  const withRecord = (changed: Partial<PeerRecord>): ForwardingChange => {
    return { kind: 'setPeer', peer: 3, record: { ...record(3), ...changed } };
  };
  const full = Array.from({ length: 3 }, (_, i) => setPrefix(`10.9.${i}.0/24`, 1));
  const bad: [string, ForwardingChange, 'INTERNAL' | 'TABLE_FULL', RegExp][] = [
    ['an owner that is no peer', setPrefix('10.3.0.0/16', 3), 'INTERNAL', /no peer 3/],
    ['a prefix that is not there', removePrefix('10.1.0.0/17'), 'INTERNAL', /10\.1\.0\.0\/17 .* not there/],
    ['a peer that is not there', removePeer(3), 'INTERNAL', /no peer 3/],
    ['a peer that has prefixes', removePeer(2), 'INTERNAL', /1 prefixes still point at peer 2/],
    ['a subnet as underlay address', setPrefix('10.3.0.0/16', 1, true), 'INTERNAL', /no underlay address/],
    ['bits behind the length', raw(4, [0, 0, 0xffff, 0x0a010203], 24), 'INTERNAL', /bits set behind \/24/],
    ['an IPv4 length of 33', raw(4, [0, 0, 0xffff, 0], 33), 'INTERNAL', /no prefix length/],
    ['half a length', raw(6, [0, 0, 0, 0], 0.5), 'INTERNAL', /no prefix length/],
    ['IPv4 in words of IPv6', raw(4, [1, 0, 0xffff, 0], 24), 'INTERNAL', /mapped form/],
    ['IPv6 in words of IPv4', raw(6, [0, 0, 0xffff, 0], 96), 'INTERNAL', /mapped form/],
    ['a peer index below 0', setPeer(-1), 'INTERNAL', /no index/],
    ['a peer too many', setPeer(4), 'TABLE_FULL', /more than 4 peers/],
    ['port 0', withRecord({ port: 0 }), 'INTERNAL', /no UDP port/],
    ['a short prefix', withRecord({ prefix: new Uint8Array(8) }), 'INTERNAL', /22 bytes, not 8/],
    [
      'two overlay addresses of one family',
      withRecord({ overlay: [address('10.0.0.1'), address('10.0.0.2')] }),
      'INTERNAL',
      /at most one/,
    ],
  ];
  for (const [name, change, code, message] of bad) {
    // Good changes before the bad one, so that there is something to undo.
    const list = [removePrefix('10.1.0.0/16'), setPrefix('10.2.0.0/16', 1), setPrefix('10.1.2.0/24', 2), change];
    const alsoPeer = [{ kind: 'setPeer', peer: 2, record: { ...record(2), port: 1 } } as const, ...list];
    await t.rejects(table.apply(name === 'a peer that has prefixes' ? [change] : alsoPeer), { code, message }, name);
    t.strictSame(table.size, { prefixes: 2, peers: 2 }, `${name}: size`);
    t.equal(owner(address('10.1.2.3')), 1, `${name}: owner`);
  }
  await t.rejects(table.apply(full), { code: 'TABLE_FULL', message: /more than 4 prefixes/ });
  // Two switches show both copies: neither has anything of what was refused.
  for (let copy = 0; copy < 2; copy++) {
    await table.apply([setPeer(1)]);
    t.strictSame(table.size, { prefixes: 2, peers: 2 });
    t.equal(owner(address('10.1.2.3')), 1);
    t.equal(owner(address('10.2.2.3')), 2);
    t.equal(owner(address('10.9.0.1')), NOBODY);
  }
});

t.test('a list is taken in order', async (t) => {
  const { table, owner } = open({ maxPrefixes: 1 });
  await table.apply([setPeer(1), setPrefix('10.1.0.0/16', 1)]);
  await table.apply([removePrefix('10.1.0.0/16'), removePeer(1), setPeer(2), setPrefix('10.2.0.0/16', 2)]);
  t.equal(owner(address('10.1.0.1')), NOBODY);
  t.equal(owner(address('10.2.0.1')), 2);
  await t.rejects(table.apply([setPrefix('10.1.0.0/16', 2), removePrefix('10.2.0.0/16')]), { code: 'TABLE_FULL' });
});

t.test('memory and index of a reader are checked', async (t) => {
  const { memory } = ForwardingTable.create({ readers: 2 });
  t.throws(() => new ForwardingReader(new SharedArrayBuffer(4096), 0), { code: 'INTERNAL' });
  for (const reader of [-1, 2, 0.5]) t.throws(() => new ForwardingReader(memory, reader), { code: 'INTERNAL' });
  t.throws(() => ForwardingTable.create({ readers: 0 }), { code: 'INTERNAL' });
});

// A small world, so that prefixes nest, meet again, and fill the table.
const MAX_PREFIXES = 12;
const MAX_PEERS = 5;
const someAddress: fc.Arbitrary<Address> = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    high: fc.integer({ min: 0, max: 2 }),
    low: fc.integer({ min: 0, max: 7 }),
  })
  .map(({ family, high, low }) =>
    family === 4
      ? { family, words: [0, 0, 0xffff, (0xfe000000 + high * 65_536 + low) | 0] }
      : { family, words: [high << 30, 0, low, -low | 0] },
  );
const somePrefix: fc.Arbitrary<Prefix> = someAddress.chain((address) =>
  fc
    .constantFrom(...(address.family === 4 ? [0, 8, 15, 16, 29, 30, 32] : [0, 1, 2, 64, 95, 96, 127, 128]))
    .map((length) => prefixOf(address, length)),
);
const somePeer = fc.integer({ min: 0, max: MAX_PEERS });
const someChange: fc.Arbitrary<ForwardingChange> = fc.oneof(
  { weight: 2, arbitrary: somePeer.map(setPeer) },
  { weight: 1, arbitrary: somePeer.map(removePeer) },
  {
    weight: 8,
    arbitrary: fc
      .record({ prefix: somePrefix, peer: fc.integer({ min: 0, max: 2 }), underlay: fc.boolean() })
      .map(({ prefix, peer, underlay }) => {
        const isHost = prefix.length === (prefix.family === 4 ? 32 : 128);
        return { kind: 'setPrefix', prefix, peer, underlay: underlay && isHost } as const;
      }),
  },
  { weight: 5, arbitrary: somePrefix.map((prefix) => ({ kind: 'removePrefix', prefix }) as const) },
);
const someLists = fc.array(fc.array(someChange, { minLength: 1, maxLength: 4 }), { minLength: 20, maxLength: 40 });
// The words the hash is made of: random, or only 0 and -1, so that everything collides, at both ends of the table.
const someKeys = fc.record({ seed: fc.integer(), bits: fc.constantFrom(0, 1, 31) });

t.test('does what a naive table does, on random changes', async (t) => {
  const everywhere: Address[] = [0, 1, 2, 3].flatMap((high) =>
    [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((low): Address[] => [
      { family: 4, words: [0, 0, 0xffff, (0xfe000000 + high * 65_536 + low) | 0] },
      { family: 6, words: [high << 30, 0, low, -low | 0] },
    ]),
  );
  const verdicts = { taken: 0, INTERNAL: 0, TABLE_FULL: 0 };
  await fc.assert(
    fc.asyncProperty(someLists, someKeys, async (lists, { seed, bits }) => {
      const random = (words: Int32Array) => fill(words, seed, bits);
      const { table, ask } = open({ maxPrefixes: MAX_PREFIXES, maxPeers: MAX_PEERS, random });
      const naive = new NaiveTable(MAX_PREFIXES, MAX_PEERS);
      const start = [setPeer(0), setPeer(1), setPeer(2)];
      for (const list of [start, ...lists]) {
        const expected = naive.apply(list);
        const refused = await table.apply(list).then(
          () => undefined,
          (error) => error.code,
        );
        if (refused !== expected) throw new Error(`refused with ${refused}, the naive table with ${expected}`);
        verdicts[expected ?? 'taken']++;
        ask((r) => {
          for (const at of everywhere) {
            if (r.owner(...at.words) !== naive.owner(at)) throw new Error(`owner of ${at.words}`);
            if (r.sender(...at.words) !== naive.sender(at)) throw new Error(`sender ${at.words}`);
          }
          for (const [peer, { port }] of naive.peers) if (r.port(peer) !== port) throw new Error(`port of ${peer}`);
        });
        const { prefixes, peers } = table.size;
        if (prefixes !== naive.entries.length || peers !== naive.peers.size) throw new Error('size');
      }
    }),
    { numRuns: 60 },
  );
  for (const [verdict, count] of Object.entries(verdicts)) t.ok(count > 20, `${verdict}: ${count}`);
});

/** `bits` 31: all random; else words of which only that many low bits decide, spread to all bits. */
function fill(words: Int32Array, seed: number, bits: number): void {
  let state = seed | 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[i] = bits === 31 ? state ^ (state >>> 16) : -((state >>> 16) & bits);
  }
}

t.test('100,000 prefixes are inserted, found and removed', async (t) => {
  const { table, ask } = open();
  const count = 100_000;
  const peers = 1000;
  const prefixAt = (i: number): Prefix =>
    i % 2 === 0
      ? { family: 4, words: [0, 0, 0xffff, 0x0a000000 + i * 128], length: 24 }
      : { family: 6, words: [0xfd00_0000 | 0, i, 0, 0], length: 64 };
  const all = Array.from({ length: count }, (_, i) => prefixAt(i));
  await table.apply(Array.from({ length: peers }, (_, peer) => setPeer(peer)));
  await table.apply(all.map((prefix, i) => ({ kind: 'setPrefix', prefix, peer: i % peers, underlay: false })));
  t.strictSame(table.size, { prefixes: count, peers });
  const wrong = (expected: (i: number) => number) =>
    ask((r) => {
      let bad = 0;
      for (let i = 0; i < count; i++) {
        const [a, b, c, d] = all[i].words;
        if (r.owner(a, b, c, d | 77) !== expected(i)) bad++;
      }
      return bad;
    });
  t.equal(
    wrong((i) => i % peers),
    0,
    'each finds its owner',
  );
  await table.apply(all.filter((_, i) => i % 3 === 0).map((prefix) => ({ kind: 'removePrefix', prefix })));
  t.equal(
    wrong((i) => (i % 3 === 0 ? NOBODY : i % peers)),
    0,
    'removing a third leaves the others',
  );
  await table.apply(all.filter((_, i) => i % 3 !== 0).map((prefix) => ({ kind: 'removePrefix', prefix })));
  t.equal(
    wrong(() => NOBODY),
    0,
    'all gone',
  );
  await table.apply(Array.from({ length: peers }, (_, peer) => removePeer(peer)));
  t.strictSame(table.size, { prefixes: 0, peers: 0 });
});

t.test('lookups allocate nothing', async (t) => {
  const { table, ask } = open();
  await table.apply([
    setPeer(1),
    setPrefix('10.1.0.0/16', 1),
    setPrefix('fd00::/64', 1),
    setPrefix('fd00::9/128', 1, true),
  ]);
  const bytes = Buffer.alloc(64);
  const look = (times: number) =>
    ask((r) => {
      for (let i = 0; i < times; i++) {
        r.owner(0, 0, 0xffff, 0x0a010000 | i);
        r.owner(0xfd00_0000 | 0, 0, i, ~i);
        r.sender(0xfd00_0000 | 0, 0, 0, 9);
        r.copyPrefix(1, bytes, i & 7);
      }
    });
  look(50_000);
  const before = process.memoryUsage().heapUsed;
  look(100_000);
  const grown = process.memoryUsage().heapUsed - before;
  t.ok(grown < 400_000, `${grown} bytes for 400,000 lookups: less than one object of any size each`);
});
