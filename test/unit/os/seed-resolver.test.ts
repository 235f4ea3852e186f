import t from 'tap';
import { formatEndpoint } from '../../../src/control/config/endpoint.js';
import { SeedResolver } from '../../../src/os/seed-resolver.js';
import { address } from '../control/sample-config.js';

const seed = { host: 'seed.example', port: 7946 };

t.test('an address is itself, a name leads to all of its addresses, looked up anew each time', async (t) => {
  const answers = [['192.0.2.7', '2001:db8::7', 'fe80::1%eth0'], ['192.0.2.8']];
  const resolver = new SeedResolver({ onFailure: t.fail, lookup: async () => answers.shift() ?? [] });
  const own = { address: address('192.0.2.1'), port: 7 };
  t.strictSame(await resolver.resolve(own), [own]);
  t.strictSame((await resolver.resolve(seed)).map(formatEndpoint), [
    '192.0.2.7:7946',
    '[2001:db8::7]:7946',
    '[fe80::1]:7946',
  ]);
  t.strictSame((await resolver.resolve(seed)).map(formatEndpoint), ['192.0.2.8:7946']);
});

t.test('a name without an address is told once, until it has one', async (t) => {
  const failures: string[] = [];
  const missing = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
  let known: string[] | Error = missing;
  const resolver = new SeedResolver({
    onFailure: (words) => failures.push(words),
    lookup: async () => {
      if (known instanceof Error) throw known;
      return known;
    },
  });
  for (let i = 0; i < 3; i++) t.strictSame(await resolver.resolve(seed), []);
  known = ['192.0.2.7'];
  t.equal((await resolver.resolve(seed)).length, 1);
  known = [];
  t.strictSame(await resolver.resolve(seed), []);
  t.strictSame(failures, [
    'join: seed.example cannot be looked up: no such name',
    'join: seed.example cannot be looked up: it has no address',
  ]);
});

t.test('a resolver that hangs holds nobody up, and is asked once', async (t) => {
  let asked = 0;
  let answer: (addresses: string[]) => void = () => {};
  const failures: string[] = [];
  const resolver = new SeedResolver({
    onFailure: (words) => failures.push(words),
    patienceMs: 20,
    lookup: () => {
      asked++;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  });
  t.strictSame(await Promise.all([resolver.resolve(seed), resolver.resolve(seed)]), [[], []]);
  t.equal(asked, 1);
  t.match(failures, [/no answer in 0\.02 s/]);
  const waiting = resolver.resolve(seed);
  answer(['192.0.2.7']);
  t.equal((await waiting).length, 1, 'a late answer serves who asks next');
});

t.test('the machine’s own resolver', async (t) => {
  const resolver = new SeedResolver({ onFailure: (words) => t.fail(words) });
  const texts = (await resolver.resolve({ host: 'localhost', port: 1 })).map(formatEndpoint);
  t.ok(texts.includes('127.0.0.1:1') || texts.includes('[::1]:1'), texts.join());
});
