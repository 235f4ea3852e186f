import fc from 'fast-check';
import t from 'tap';
import {
  decodePacket,
  encodePacket,
  MAX_PACKET,
  type NamedPacket,
  PACKET_OVERHEAD,
  updateSize,
} from '../../../../src/wire/gossip/packet.js';
import { PACKET } from '../../../../src/wire/gossip/schema.js';
import { MAX_DATAGRAM, SEALED_OVERHEAD } from '../../../../src/wire/sealed.js';
import { ALPHA, packet, signed, update } from './samples.js';

t.test('a packet comes back as it was', async (t) => {
  fc.assert(
    fc.property(packet, (packet) => {
      return t.strictSame(decodePacket(encodePacket(packet)), { ...packet, skipped: 0 });
    }),
    { numRuns: 200 },
  );
});

t.test('updates add what updateSize says, the rest at most PACKET_OVERHEAD', async (t) => {
  fc.assert(
    fc.property(packet, update, (packet, update) => {
      const without = encodePacket({ ...packet, updates: [] }).length;
      const one = encodePacket({ ...packet, updates: [update] }).length;
      return t.ok(without <= PACKET_OVERHEAD) && t.equal(one, without + updateSize(update));
    }),
    { numRuns: 200 },
  );
  const name = 'n'.repeat(63);
  const largest: NamedPacket = { from: name, probe: { kind: 'ping', seq: 2 ** 32 - 1, target: name }, updates: [] };
  t.equal(encodePacket(largest).length, PACKET_OVERHEAD, 'a bound that is reached');
});

t.test('a datagram is bounded', async (t) => {
  t.equal(MAX_PACKET + SEALED_OVERHEAD, MAX_DATAGRAM);
  t.equal(MAX_DATAGRAM, 1400);
  const updates = Array.from({ length: 9 }, () => ({ kind: 'alive' as const, card: signed(ALPHA) }));
  t.throws(() => encodePacket({ from: 'alpha', updates }), { code: 'INTERNAL' });
  t.equal(decodePacket(new Uint8Array(MAX_PACKET + 1)), 'malformed');
});

t.test('versions', async (t) => {
  const version = (version: number) => decodePacket(PACKET.encode({ version, from: 'alpha' }).finish());
  t.same(version(1), { from: 'alpha', updates: [], skipped: 0 });
  t.equal(version(2), 'other_version');
  t.equal(version(0), 'malformed');
  t.equal(decodePacket(new Uint8Array(0)), 'malformed');
});

t.test('what a later version adds is skipped, and so is what cannot be accepted', async (t) => {
  const card = signed(ALPHA);
  const left = { left: { node: 'bravo', incarnation: 4 } };
  const alive = (bytes: Uint8Array) => ({ alive: { statement: bytes, signature: card.signature } });
  const known = PACKET.encode({
    version: 1,
    from: 'alpha',
    updates: [alive(card.bytes.subarray(1)), {}, { suspect: { node: 'a b', incarnation: 1, from: 'x' } }, left],
  }).finish();
  // Behind them: field 31 of a packet, and an update (field 7) of a kind 15.
  const later = Buffer.concat([known, Buffer.from([0xf8, 0x01, 0x05, 0x3a, 0x03, 0x7a, 0x01, 0x00])]);
  t.strictSame(decodePacket(later), {
    from: 'alpha',
    updates: [{ kind: 'left', node: 'bravo', incarnation: 4 }],
    skipped: 4,
  });
});

t.test('who sent it, and who is meant, must be names', async (t) => {
  const decode = (fields: object) => decodePacket(PACKET.encode({ version: 1, from: 'alpha', ...fields }).finish());
  t.equal(decode({ from: '' }), 'malformed');
  t.equal(decode({ from: 'a\0' }), 'malformed');
  t.equal(decode({ ping: { seq: 1, target: '' } }), 'malformed');
  t.equal(decode({ pingRequest: { seq: 1, target: '-' } }), 'malformed');
});
