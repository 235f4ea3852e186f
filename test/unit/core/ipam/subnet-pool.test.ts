import t from 'tap';
import { SubnetPool } from '../../../../src/core/ipam/subnet-pool.js';
import { seededRandom } from '../../../../src/core/random.js';
import { formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from '../../../../src/wire/address.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function pool(podPrefix: { 4: number; 6: number }, ...ranges: string[]): SubnetPool {
  return new SubnetPool(ranges.map(prefix), podPrefix);
}

t.test('blocks of both families have one index', async (t) => {
  const both = pool({ 4: 24, 6: 64 }, '10.244.0.0/16', 'fd00:244::/48');
  t.equal(both.size, 256);
  t.same(both.at(0).map(formatPrefix), ['10.244.0.0/24', 'fd00:244::/64']);
  t.same(both.at(255).map(formatPrefix), ['10.244.255.0/24', 'fd00:244:0:ff::/64']);
  t.equal(pool({ 4: 24, 6: 64 }, 'fd00::/48').size, 65_536);
  t.equal(pool({ 4: 24, 6: 120 }, 'fd00::/16').size, 2 ** 20, 'no more are told apart');
  t.same(pool({ 4: 26, 6: 64 }, '10.0.0.0/24').at(3).map(formatPrefix), ['10.0.0.192/26']);
  t.same(pool({ 4: 24, 6: 100 }, 'fd00::/90').at(1023).map(formatPrefix), ['fd00::3f:f000:0/100'], 'across words');
  t.equal(pool({ 4: 16, 6: 64 }, '10.244.0.0/16').size, 1);
});

t.test('what does not divide', async (t) => {
  t.throws(() => pool({ 4: 15, 6: 64 }, '10.244.0.0/16'), { code: 'CONFIG', message: /podPrefix 15 does not divide/ });
  t.throws(() => pool({ 4: 31, 6: 64 }, '10.244.0.0/16'), { code: 'CONFIG' });
  t.throws(() => pool({ 4: 24, 6: 127 }, 'fd00::/48'), { code: 'CONFIG' });
});

t.test('each block begins where the one before ends, as counting addresses says', async (t) => {
  const number = ({ words }: Prefix) =>
    BigInt(`0x${words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')}`);
  for (const [range, length] of [
    ['10.8.0.0/16', 26],
    ['192.168.255.0/24', 30],
    ['fd00:8::/52', 62],
    ['fd00::ffff:ff00:0/104', 113],
  ] as const) {
    const one = pool({ 4: length, 6: length }, range);
    const bits = prefix(range).family === 4 ? 32 : 128;
    t.equal(one.size, 2 ** (length - prefix(range).length));
    for (let i = 0; i < one.size; i++) {
      const blocks = one.at(i);
      const expected = number(prefix(range)) + (BigInt(i) << BigInt(bits - length));
      if (blocks.length === 1 && blocks.every((block) => number(block) === expected && block.length === length))
        continue;
      t.fail(`${range}: block ${i} is ${blocks.map(formatPrefix)}`);
    }
  }
});

t.test('which blocks a prefix touches, as comparing with each says', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const small = pool({ 4: 22, 6: 60 }, '10.8.0.0/16', 'fd00:8::/52');
  for (let run = 0; run < 400; run++) {
    const length = 12 + below(19);
    const bits = ((10 << 24) | (below(12) << 16) | below(2 ** 16)) & (-1 << (32 - length));
    const v4 = [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
    const length6 = 50 + below(15);
    const group = (below(8192) & (0xffff << (64 - length6))).toString(16);
    const other = run % 2 === 0 ? prefix(`${v4}/${length}`) : prefix(`fd00:${8 + below(2)}:0:${group}::/${length6}`);
    const expected = Array.from({ length: small.size }, (_, i) => i).filter((i) =>
      small.at(i).some((block) => prefixesOverlap(block, other)),
    );
    t.same(
      [...new Set(small.indexes([other]))].sort((a, b) => a - b),
      expected,
      formatPrefix(other),
    );
  }
  t.same([...small.indexes([prefix('192.0.2.0/24'), prefix('fd01::/64')])], [], 'another range');
  t.same([...new Set(small.indexes([prefix('0.0.0.0/0')]))].length, small.size, 'one that holds all');
});
