import fc from 'fast-check';
import t from 'tap';
import { STATEMENT } from '../../../../src/wire/gossip/schema.js';
import { decodeSigned, encodeStatement, type Statement } from '../../../../src/wire/gossip/statement.js';
import { ALPHA, address, prefix, signed, statement } from './samples.js';

const SIGNATURE = new Uint8Array(64);

t.test('a statement comes back as it was', async (t) => {
  fc.assert(
    fc.property(statement, (statement) => {
      const bytes = encodeStatement(statement);
      const card = decodeSigned(bytes, SIGNATURE);
      return (
        t.strictSame(plain(card?.statement), plain(statement)) &&
        t.strictSame(Buffer.from(card?.bytes ?? []), Buffer.from(bytes))
      );
    }),
    { numRuns: 200 },
  );
});

t.test('what was read is no view of the datagram', async (t) => {
  const datagram = Buffer.from(encodeStatement(ALPHA));
  const signature = Buffer.alloc(64, 5);
  const card = decodeSigned(datagram, signature);
  datagram.fill(0);
  signature.fill(0);
  t.strictSame(plain(card?.statement), plain(ALPHA));
  t.strictSame(card?.signature, new Uint8Array(64).fill(5));
});

t.test('what nobody accepts is not signed, nor read', async (t) => {
  const bad: Record<string, Partial<Statement>> = {
    'no name': { node: '' },
    'a name with a slash': { node: 'a/b' },
    'a long name': { node: 'a'.repeat(64) },
    'a short public key': { publicKey: new Uint8Array(31) },
    'underlay 0.0.0.0': { underlay: [address('0.0.0.0')] },
    'underlay multicast': { underlay: [address('224.0.0.1')] },
    'underlay broadcast': { underlay: [address('255.255.255.255')] },
    'underlay ::': { underlay: [address('::')] },
    'underlay IPv6 multicast': { underlay: [address('ff02::1')] },
    'underlay link-local': { underlay: [address('fe80::1')] },
    'no underlay': { underlay: [] },
    'two underlays of a family': { underlay: ['192.0.2.1', '192.0.2.2'].map(address) },
    'three underlays': { underlay: ['192.0.2.1', '2001:db8::1', '2001:db8::2'].map(address) },
    'a second underlay that is link-local': { underlay: ['192.0.2.1', 'fe80::1'].map(address) },
    'port 0': { gossipPort: 0 },
    'port 65536': { vxlanPort: 65_536 },
    'a group MAC': { mac: Uint8Array.of(1, 0, 0, 0, 0, 1) },
    'a zero MAC': { mac: new Uint8Array(6) },
    'a long MAC': { mac: new Uint8Array(7).fill(2) },
    'host bits set': { podCidr: [{ ...prefix('10.244.1.0/24'), length: 16 }] },
    'a length of 33': { podCidr: [{ ...prefix('10.0.0.0/8'), length: 33 }] },
    'two subnets of a family': { podCidr: [prefix('10.244.1.0/24'), prefix('10.244.2.0/24')] },
    'three subnets': { podCidr: [prefix('10.1.0.0/24'), prefix('fd00::/64'), prefix('10.2.0.0/24')] },
    'a key twice': { keys: [1, 2, 1] },
    '17 keys': { keys: Array.from({ length: 17 }, (_, i) => i) },
  };
  for (const [name, change] of Object.entries(bad)) {
    t.throws(() => encodeStatement({ ...ALPHA, ...change }), { code: 'INTERNAL' }, name);
  }
  const addressField = (underlay: Uint8Array) => STATEMENT.encode({ ...fields(), underlay }).finish();
  t.ok(decodeSigned(addressField(Uint8Array.of(192, 0, 2, 1)), SIGNATURE));
  const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1);
  t.equal(decodeSigned(addressField(mapped), SIGNATURE), undefined, 'an IPv4 address has one spelling');
  t.equal(decodeSigned(addressField(new Uint8Array(5)), SIGNATURE), undefined);
  t.equal(decodeSigned(encodeStatement(ALPHA), new Uint8Array(63)), undefined, 'a short signature');
});

t.test('a bigint never becomes a silent zero', async (t) => {
  const ported = { ...ALPHA, gossipPort: 7946n } as unknown as Statement;
  t.throws(() => encodeStatement(ported));
  for (const field of STATEMENT.fieldsArray) t.notMatch(field.type, /64/, `${field.name} fits a number`);
});

t.test('fields of a later version survive', async (t) => {
  const later = Buffer.concat([encodeStatement(ALPHA), Buffer.from([0xf2, 0x01, 0x03, 1, 2, 3])]);
  const card = decodeSigned(later, SIGNATURE);
  t.strictSame(plain(card?.statement), plain(ALPHA));
  t.strictSame(Buffer.from(card?.bytes ?? []), later);
});

t.test(
  'a second underlay address is a field that older nodes pass on, and the first alone is what they take',
  async (t) => {
    const dual = { ...ALPHA, underlay: ['2001:db8::1', '192.0.2.10'].map(address) };
    const bytes = Buffer.from(encodeStatement(dual));
    const single = Buffer.from(encodeStatement({ ...ALPHA, underlay: dual.underlay.slice(0, 1) }));
    t.equal(bytes.toString('hex'), `${single.toString('hex')}62${'04'}c000020a`, 'field 12 stands behind all others');
    t.strictSame(plain(decodeSigned(bytes, SIGNATURE)?.statement), plain(dual));
    const empty = Buffer.concat([single, Buffer.from('6200', 'hex')]);
    t.strictSame(decodeSigned(empty, SIGNATURE)?.statement.underlay, [address('2001:db8::1')], 'empty: none');
  },
);

t.test('a statement is bounded', async (t) => {
  const filler = (length: number) =>
    Buffer.concat([Buffer.from([0xf2, 0x01, (length & 0x7f) | 0x80, length >> 7]), Buffer.alloc(length)]);
  const bytes = encodeStatement(ALPHA);
  const room = 1024 - bytes.length - 4;
  t.equal(decodeSigned(Buffer.concat([bytes, filler(room)]), SIGNATURE)?.bytes.length, 1024);
  t.equal(decodeSigned(Buffer.concat([bytes, filler(room + 1)]), SIGNATURE), undefined);
});

/** The fields as the schema has them. */
function fields(): object {
  return STATEMENT.toObject(STATEMENT.decode(signed(ALPHA).bytes));
}

/** Typed arrays as Buffers, which compare by content alone. */
function plain(statement: Statement | undefined): unknown {
  if (!statement) return statement;
  return { ...statement, publicKey: Buffer.from(statement.publicKey), mac: Buffer.from(statement.mac) };
}
