import fc from 'fast-check';
import t from 'tap';
import {
  type Address,
  addressAt,
  addressBytes,
  addressOf,
  formatAddress,
  formatPrefix,
  mappedLength,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixOf,
  readWords,
  sameAddress,
  samePrefix,
  wordsOf,
  writeWords,
} from '../../../src/wire/address.js';
import { PodwireError } from '../../../src/wire/error.js';

const word = fc.oneof(fc.integer(), fc.constantFrom(0, 1, 0xffff, 0x10000, -1));
const address4 = word.map((d): Address => ({ family: 4, words: [0, 0, 0xffff, d] }));
const address6 = fc
  .tuple(word, word, word, word)
  .filter(([a, b, c]) => a !== 0 || b !== 0 || c !== 0xffff)
  .map((words): Address => ({ family: 6, words }));
const address = fc.oneof(address4, address6);
const prefix = fc
  .tuple(address, fc.nat(128))
  .map(([address, length]) => prefixOf(address, address.family === 4 ? length % 33 : length));

function address_(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
}

function prefix_(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw new Error(prefix);
  return prefix;
}

/** An address as one number. */
function number(address: Address): bigint {
  return address.words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

t.test('addresses are read into words', async (t) => {
  t.same(parseAddress('10.1.2.3'), { family: 4, words: [0, 0, 0xffff, 0x0a010203] });
  t.same(parseAddress('255.255.255.255'), { family: 4, words: [0, 0, 0xffff, -1] });
  t.same(parseAddress('::'), { family: 6, words: [0, 0, 0, 0] });
  t.same(parseAddress('::1'), { family: 6, words: [0, 0, 0, 1] });
  t.same(parseAddress('2001:db8::'), { family: 6, words: [0x20010db8, 0, 0, 0] });
  t.same(parseAddress('fd00:1:2:3:4:5:6:7'), { family: 6, words: [0xfd000001 | 0, 0x20003, 0x40005, 0x60007] });
  t.same(parseAddress('64:ff9b::192.0.2.33'), { family: 6, words: [0x64ff9b, 0, 0, 0xc0000221 | 0] });
  t.same(parseAddress('1:2:3:4:5:6:7::'), { family: 6, words: [0x10002, 0x30004, 0x50006, 0x70000] });
});

t.test('anything else is refused', async (t) => {
  const refused = ['', '10.1.2', '010.1.2.3', '10.1.2.03', '0x7f.0.0.1', '10.1.2.256', '10.1.2.3/24', ' 10.1.2.3', '1'];
  refused.push('fe80::1%eth0', '::1%1', '1::2::3', '12345::', ':::', '1:2:3:4:5:6:7', 'g::', '[::1]', 'localhost');
  refused.push('::ffff:10.1.2.3', '::ffff:a01:203', '0:0:0:0:0:FFFF:10.1.2.3');
  for (const text of refused) t.equal(parseAddress(text), undefined, JSON.stringify(text));
});

t.test('IPv6 is written as RFC 5952 says', async (t) => {
  const written: Record<string, string> = {
    '2001:0db8::0001': '2001:db8::1',
    '2001:db8:0:0:0:0:2:1': '2001:db8::2:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:DB8::AAAA': '2001:db8::aaaa',
    '0:0:0:0:0:0:0:0': '::',
    '1:0:0:0:0:0:0:0': '1::',
  };
  for (const [text, want] of Object.entries(written)) t.equal(formatAddress(address_(text)), want, text);
});

t.test('what is written reads back, and is what the URL standard writes', async () => {
  fc.assert(
    fc.property(address, (address) => {
      const text = formatAddress(address);
      const back = parseAddress(text);
      const host = new URL(address.family === 4 ? `http://${text}/` : `http://[${text}]/`).hostname;
      return back !== undefined && sameAddress(back, address) && host.replace(/[[\]]/g, '') === text;
    }),
  );
});

t.test('prefixes are read, or the reason is said', async (t) => {
  t.same(parsePrefix('10.1.2.0/24'), { family: 4, words: [0, 0, 0xffff, 0x0a010200], length: 24 });
  t.same(parsePrefix('0.0.0.0/0'), { family: 4, words: [0, 0, 0xffff, 0], length: 0 });
  t.same(parsePrefix('fd00:244::/48'), { family: 6, words: [0xfd000244 | 0, 0, 0, 0], length: 48 });
  t.same(parsePrefix('::/0'), { family: 6, words: [0, 0, 0, 0], length: 0 });
  const refused: Record<string, string> = {
    '10.1.2.3/24': '10.1.2.3/24 has bits set behind /24: write 10.1.2.0/24',
    'fd00::1/64': 'fd00::1/64 has bits set behind /64: write fd00::/64',
    '10.1.2.0': '10.1.2.0 has no prefix length: write it as ADDRESS/LENGTH, such as 10.1.2.0/24',
    '10.1.2.0/33': '/33 is not a prefix length of IPv4: write 0 to 32',
    '10.1.2.0/': '/ is not a prefix length of IPv4: write 0 to 32',
    '10.1.2.0/024': '/024 is not a prefix length of IPv4: write 0 to 32',
    '::/129': '/129 is not a prefix length of IPv6: write 0 to 128',
    '::/-1': '/-1 is not a prefix length of IPv6: write 0 to 128',
    '::/1e1': '/1e1 is not a prefix length of IPv6: write 0 to 128',
    'ten/8': 'ten is not an IPv4 or IPv6 address',
  };
  for (const [text, want] of Object.entries(refused)) t.equal(parsePrefix(text), want, text);
});

t.test('a written prefix reads back', async () => {
  fc.assert(
    fc.property(prefix, (prefix) => {
      const back = parsePrefix(formatPrefix(prefix));
      return typeof back !== 'string' && samePrefix(back, prefix);
    }),
  );
});

t.test('containment is the same question about one long number', async () => {
  const close = fc.tuple(prefix, address, fc.boolean()).map(([prefix, address, near]): [Prefix, Address] => {
    if (!near) return [prefix, address];
    // An address that differs from the prefix in one bit, wherever that is.
    const words = Int32Array.from(prefix.words);
    const bit = prefix.family === 4 ? 96 + (Math.abs(address.words[3]) % 32) : Math.abs(address.words[3]) % 128;
    words[bit >> 5] ^= 1 << (31 - (bit & 31));
    return [prefix, { family: prefix.family, words: [words[0], words[1], words[2], words[3]] }];
  });
  fc.assert(
    fc.property(close, ([prefix, address]) => {
      const behind = BigInt(128 - mappedLength(prefix));
      const same = number(prefix) >> behind === number(address) >> behind;
      return prefixContains(prefix, address) === (prefix.family === address.family && same);
    }),
  );
});

t.test('prefixes overlap when one begins the other', async (t) => {
  const overlap = (one: string, other: string) => prefixesOverlap(prefix_(one), prefix_(other));
  t.ok(overlap('10.0.0.0/8', '10.1.2.0/24'));
  t.ok(overlap('10.1.2.0/24', '10.0.0.0/8'));
  t.ok(overlap('10.1.2.0/24', '10.1.2.0/24'));
  t.notOk(overlap('10.1.2.0/24', '10.1.3.0/24'));
  t.ok(overlap('0.0.0.0/0', '10.1.3.0/24'));
  t.notOk(overlap('::/0', '10.1.3.0/24'), 'families are apart');
  t.notOk(overlap('0.0.0.0/0', 'fd00::/8'), 'families are apart');
  t.ok(overlap('fd00::/8', 'fd00:244::/48'));
});

t.test('addresses of a prefix are counted from its network address', async (t) => {
  const at = (text: string, n: number) => formatAddress(addressAt(prefix_(text), n));
  t.equal(at('10.1.2.0/24', 0), '10.1.2.0');
  t.equal(at('10.1.2.0/24', 255), '10.1.2.255');
  t.equal(at('0.0.0.0/0', 2 ** 32 - 1), '255.255.255.255');
  t.equal(at('fd00::/64', 2), 'fd00::2');
  t.equal(at('fd00::/64', 2 ** 32 + 5), 'fd00::1:0:5');
  t.equal(at('fd00::/64', Number.MAX_SAFE_INTEGER), 'fd00::1f:ffff:ffff:ffff');
  t.throws(() => at('10.1.2.0/24', 256), PodwireError);
  t.throws(() => at('10.1.2.0/24', -1), PodwireError);
  t.throws(() => at('10.1.2.0/24', 0.5), PodwireError);
});

t.test('words and bytes are one', async () => {
  fc.assert(
    fc.property(address, fc.nat(9), (address, offset) => {
      const bytes = Buffer.alloc(30, 0xee);
      writeWords(address.words, bytes, offset);
      const read = new Int32Array(6).fill(7);
      readWords(bytes, offset, read, 1);
      const around = Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + 16)]);
      return (
        sameAddress(addressOf(wordsOf(bytes, offset)), address) &&
        `${[...read]}` === `7,${address.words},7` &&
        around.every((byte) => byte === 0xee) &&
        Buffer.from(addressBytes(address)).equals(bytes.subarray(offset, offset + 16))
      );
    }),
  );
});
