import { createHash, hkdfSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  deriveKey,
  formatKey,
  formatKeyId,
  formatKeyring,
  Keyring,
  keyId,
  parseKey,
  parseKeyId,
  parseKeyring,
} from '../../../src/core/keyring.js';
import { PodwireError } from '../../../src/wire/error.js';

const key = (fill: number) => new Uint8Array(32).fill(fill);
const [A, B, D] = [key(1), key(2), key(3)];

t.test('the first seals; add, use and remove give another ring', async (t) => {
  const one = Keyring.of([A]);
  const two = one.add(B);
  t.same(one.ids, [keyId(A)], 'the ring itself stays');
  t.same(two.ids, [keyId(A), keyId(B)], 'a new key opens and does not seal');
  const used = two.use(keyId(B));
  t.same(used.ids, [keyId(B), keyId(A)]);
  t.equal(used.first.id, keyId(B));
  t.same(used.remove(keyId(A)).ids, [keyId(B)]);
  t.same(two.use(keyId(A)).ids, two.ids);
  t.equal(used.get(keyId(D)), undefined);
});

t.test('what cannot be done says so, and that nothing was changed', async (t) => {
  const ring = Keyring.of([A, B]);
  const refused = (run: () => unknown, message: RegExp) => t.throws(run, { code: 'CONFIG', message });
  refused(() => ring.add(B), /in the keyring already; nothing was changed/);
  refused(() => ring.use(keyId(D)), new RegExp(`no key ${formatKeyId(keyId(D))}`));
  refused(() => ring.remove(keyId(D)), /there is no key/);
  refused(() => ring.remove(keyId(A)), /the one that seals: use another first/);
  refused(() => ring.add(new Uint8Array(31)), /32 bytes, not 31/);
  refused(() => Keyring.of([]), /needs a key/);
  const full = Keyring.of(Array.from({ length: 16 }, (_, i) => key(i)));
  refused(() => full.add(key(99)), /holds 16 keys already/);
});

t.test('a key id is the beginning of its SHA-256', async (t) => {
  t.equal(formatKeyId(keyId(A)), createHash('sha256').update(A).digest('hex').slice(0, 8));
  t.equal(parseKeyId(formatKeyId(keyId(A))), keyId(A));
  t.equal(formatKeyId(10), '0000000a');
  for (const text of ['', '0000000', '000000000', '0x000001', 'g0000000']) t.equal(parseKeyId(text), undefined, text);
});

t.test('a ring as text', async (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.uint8Array({ minLength: 32, maxLength: 32 }), {
        minLength: 1,
        maxLength: 16,
        selector: String,
      }),
      (keys) => {
        const ring = Keyring.of(keys);
        return t.same(parseKeyring(formatKeyring(ring), 'keys').ids, ring.ids);
      },
    ),
    { numRuns: 50 },
  );
  const text = `\n  ${formatKey(A)}\r\n\n${formatKey(B)}`;
  t.same(parseKeyring(text, 'keys').ids, [keyId(A), keyId(B)], 'spaces and empty lines');
});

t.test('what is wrong with a text names the line, and never a key', async (t) => {
  const a = formatKey(A);
  const wrong: [string, string][] = [
    ['', 'keys: holds no key'],
    [`${a}\nsecret`, 'keys:2: is not a key'],
    [`${a.slice(0, 43)}`, 'keys:1: is not a key'],
    [`${a}${a}`, 'keys:1: is not a key'],
    [`${a.slice(0, 42)}F=`, 'keys:1: is not a key'],
    [`${a.replace('A', '-')}`, 'keys:1: is not a key'],
    [`\n${a}\n\n${a}\n`, 'keys:4: is the same key as line 2'],
    [Array.from({ length: 17 }, (_, i) => formatKey(key(i))).join('\n'), 'keys: holds 17 keys'],
  ];
  for (const [text, message] of wrong) {
    try {
      parseKeyring(text, 'keys');
      t.fail(`${message} was not thrown`);
    } catch (error) {
      t.ok(error instanceof PodwireError && error.code === 'CONFIG' && error.message.startsWith(message), message);
      for (const line of text.split('\n')) t.notOk(line.trim() !== '' && String(error).includes(line.trim()));
    }
  }
  t.equal(parseKey(`${a}\n`), undefined, 'a key alone is no line');
});

t.test('a ring that is logged shows no key', async (t) => {
  const ring = Keyring.of([A]);
  const shown = `${inspect(ring, { depth: 9, showHidden: true })}${JSON.stringify(ring)}`;
  for (const form of [formatKey(A), Buffer.from(A).toString('hex'), '1,1,1', '1, 1, 1']) t.notOk(shown.includes(form));
});

t.test('a derived key is HKDF of the ring key', async (t) => {
  const ring = Keyring.of([A]);
  const derived = deriveKey(ring.first, Buffer.from('salt'), 'purpose');
  t.same(derived, Buffer.from(hkdfSync('sha256', A, 'salt', 'purpose', 32)));
  t.notSame(deriveKey(ring.first, Buffer.from('salt'), 'other'), derived);
});
