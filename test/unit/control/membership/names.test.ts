import t from 'tap';
import { Names } from '../../../../src/control/membership/names.js';
import { Identity, Verifier } from '../../../../src/core/identity.js';
import { NO_NODE, NodeDirectory } from '../../../../src/core/swim/node-directory.js';
import type { Packet } from '../../../../src/core/swim/types.js';
import type { NamedUpdate } from '../../../../src/wire/gossip/packet.js';
import { decodeSigned, type SignedStatement } from '../../../../src/wire/gossip/statement.js';
import { card } from './sample-card.js';

function setUp(...known: string[]) {
  const directory = new NodeDirectory();
  for (const name of known) directory.intern(name);
  const verifier = new Verifier();
  return { directory, names: new Names(directory, (signed) => verifier.verify(signed)) };
}

/** The same words under another's signature. */
function forged(signed: SignedStatement): SignedStatement {
  const other = card('mallory').signature;
  const made = decodeSigned(signed.bytes, other);
  if (!made) throw new Error('it decodes whoever signed it');
  return made;
}

t.test('a packet comes back as it went', async (t) => {
  const { names, directory } = setUp('alpha', 'bravo', 'charlie');
  const [alpha, bravo, charlie] = ['alpha', 'bravo', 'charlie'].map((name) => directory.find(name));
  const packets: Packet<SignedStatement>[] = [
    {
      from: alpha,
      probe: { kind: 'ping', seq: 7, target: bravo },
      updates: [
        { kind: 'alive', node: bravo, incarnation: 3, card: card('bravo', { incarnation: 3 }) },
        { kind: 'suspect', node: bravo, incarnation: 3, from: charlie },
        { kind: 'dead', node: charlie, incarnation: 1, from: alpha },
        { kind: 'left', node: bravo, incarnation: 4 },
      ],
    },
    { from: bravo, probe: { kind: 'ack', seq: 7 }, updates: [] },
    { from: bravo, updates: [] },
  ];
  for (const packet of packets) t.strictSame(names.packetIn(names.packetOut(packet)), packet);
});

t.test('names that nobody has vouched for get no number', async (t) => {
  const { names, directory } = setUp('alpha');
  const updates: NamedUpdate[] = [
    { kind: 'alive', card: forged(card('mallory')) },
    { kind: 'suspect', node: 'nobody', incarnation: 1, from: 'stranger' },
    { kind: 'left', node: 'nobody', incarnation: 1 },
  ];
  const packet = names.packetIn({ from: 'stranger', probe: { kind: 'ping', seq: 1, target: 'nobody' }, updates });
  t.strictSame(packet, { from: NO_NODE, probe: { kind: 'ping', seq: 1, target: NO_NODE }, updates: [] });
  const record = { card: forged(card('mallory')), state: 0, incarnation: 1, ageMs: 0 } as const;
  t.same(names.recordIn(record), []);
  for (const name of ['mallory', 'nobody', 'stranger']) t.equal(directory.find(name), NO_NODE, name);
});

t.test('an accuser without a number is replaced by who tells of it', async (t) => {
  const { names, directory } = setUp('alpha', 'bravo');
  const update = { kind: 'suspect', node: 'alpha', incarnation: 1, from: 'stranger' } as const;
  const { updates } = names.packetIn({ from: 'bravo', updates: [update] });
  t.same(
    updates.map((one) => 'from' in one && one.from),
    [directory.find('bravo')],
  );
  t.same(names.packetIn({ from: 'stranger', updates: [update] }).updates, [], 'of strangers alone it is nothing');
});

t.test('a record brings a name with the card that was signed for it', async (t) => {
  const { names, directory } = setUp('alpha');
  const signed = card('bravo', {}, Identity.generate());
  const record = { card: signed, state: 1, incarnation: 2, ageMs: 30 } as const;
  const [taken] = names.recordIn(record);
  t.strictSame(taken, { ...record, node: directory.find('bravo') });
  t.strictSame(names.recordOut(taken), record);
});
