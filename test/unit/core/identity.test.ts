import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { inspect } from 'node:util';
import t from 'tap';
import { Identity, Verifier } from '../../../src/core/identity.js';
import { decodeSigned } from '../../../src/wire/gossip/statement.js';
import { ALPHA } from '../wire/gossip/samples.js';

const identity = Identity.generate();
const statement = { ...ALPHA, publicKey: identity.publicKey };

t.test('a signature is of the statement, and of nothing else', async (t) => {
  const signed = identity.sign(statement);
  t.ok(new Verifier().verify(signed));
  for (const [name, bytes, signature] of [
    ['another byte', signed.bytes.map((byte, i) => (i === 8 ? byte ^ 1 : byte)), signed.signature],
    ['another signature', signed.bytes, signed.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
  ] as const) {
    const changed = decodeSigned(bytes, signature);
    if (!changed) throw new Error(`${name} is no statement`);
    t.notOk(new Verifier().verify(changed), name);
  }
  const pem = Identity.generate().toPem();
  const publicKey = createPublicKey(pem);
  const other = Identity.fromPem(pem);
  const own = other?.sign({ ...ALPHA, publicKey: other.publicKey });
  if (!own) throw new Error('not signed');
  t.notOk(verify(null, own.bytes, publicKey, own.signature), 'the bytes alone are not what was signed');
  t.ok(verify(null, Buffer.concat([Buffer.from('podwire statement\0'), own.bytes]), publicKey, own.signature));
});

t.test("nobody signs in another's name", async (t) => {
  t.throws(() => identity.sign(ALPHA), { code: 'INTERNAL' });
  const signed = identity.sign(statement);
  const other = Identity.generate();
  const taken = other.sign({ ...ALPHA, publicKey: other.publicKey });
  const swapped = decodeSigned(taken.bytes, signed.signature);
  t.notOk(swapped && new Verifier().verify(swapped));
});

t.test('32 bytes that are no key verify nothing', async (t) => {
  const zeros = '00'.repeat(31);
  // Points of small order, either sign, and what is no point. One signature of zeros fits many statements under the first.
  const keys = [`00${zeros}`, `01${zeros}`, `00${zeros.slice(2)}80`, `ec${'ff'.repeat(30)}7f`, 'ff'.repeat(32)];
  keys.push('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  for (let incarnation = 0; incarnation < 32; incarnation++) {
    const fake = decodeSigned(identity.sign({ ...statement, incarnation }).bytes, new Uint8Array(64));
    if (!fake) throw new Error('no statement');
    for (const key of keys) {
      const publicKey = Buffer.from(key, 'hex');
      t.notOk(new Verifier().verify({ ...fake, statement: { ...fake.statement, publicKey } }), key);
    }
  }
});

t.test('from given bytes it is the pair of RFC 8032, section 7.1, test 1', async (t) => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const { publicKey } = Identity.generate(() => seed);
  t.equal(Buffer.from(publicKey).toString('hex'), 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  t.notSame(Identity.generate().publicKey, Identity.generate().publicKey);
});

t.test('as PEM', async (t) => {
  const again = Identity.fromPem(identity.toPem());
  t.same(again?.publicKey, identity.publicKey);
  t.same(again?.sign(statement), identity.sign(statement), 'Ed25519 signs alike each time');
  for (const damaged of ['', 'x', identity.toPem().replace('MC4C', 'MC4D'), identity.toPem().slice(0, 80)]) {
    t.equal(Identity.fromPem(damaged), undefined);
  }
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  t.equal(Identity.fromPem(rsa.export({ type: 'pkcs8', format: 'pem' }).toString()), undefined, 'another kind of key');
  t.notOk(inspect(identity, { showHidden: true, depth: 5 }).includes(identity.toPem().split('\n')[1]));
});

t.test('what was verified is remembered, up to a bound', async (t) => {
  const verifier = new Verifier(3);
  const signed = [0, 1, 2, 3].map((incarnation) => identity.sign({ ...statement, incarnation }));
  for (const one of signed.slice(0, 3)) t.ok(verifier.verify(one));
  t.ok(verifier.verify(signed[0]));
  t.equal(verifier.size, 3, 'the same one counts once');

  // A public key that fits none of the signatures: what is still found right was remembered.
  const remembered = (index: number) => {
    const publicKey = new Uint8Array(32).fill(9);
    return verifier.verify({ ...signed[index], statement: { ...statement, publicKey } });
  };
  t.ok(verifier.verify(signed[3]));
  t.equal(verifier.size, 3);
  t.notOk(remembered(1), 'the one used least recently was forgotten');
  t.ok(remembered(0));
  t.ok(remembered(2));
  t.ok(remembered(3));
  t.equal(verifier.size, 3, 'what is wrong is not remembered');
});
