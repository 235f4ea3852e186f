import fc from 'fast-check';
import t from 'tap';
import { STREAM_MESSAGE } from '../../../../src/wire/gossip/schema.js';
import {
  decodeStream,
  encodeState,
  encodeStreamAck,
  encodeStreamPing,
  MAX_MESSAGE,
  MAX_RECORDS,
  type NamedRecord,
  type StatePart,
  StateParts,
} from '../../../../src/wire/gossip/stream.js';
import { ALPHA, record, signed } from './samples.js';

/** Encodes, decodes and puts together again. */
function through(from: string, records: readonly NamedRecord[]): { whole: unknown; parts: number } {
  const together = new StateParts();
  let whole: unknown;
  let parts = 0;
  for (const message of encodeState(from, records)) {
    if (message.length > MAX_MESSAGE) throw new Error(`a message of ${message.length} bytes`);
    const part = decodeStream(message);
    if (typeof part === 'string' || part.kind !== 'state') throw new Error('no part of a state');
    whole = together.add(part);
    parts++;
  }
  return { whole, parts };
}

t.test('a state comes back as it was', async (t) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 10 }), (records) => {
      const { whole } = through('alpha', records);
      return t.strictSame(whole, { kind: 'state', from: 'alpha', records, last: true, skipped: 0 });
    }),
    { numRuns: 50 },
  );
});

t.test('a state of the most records goes in parts, and no more of it is sent', async (t) => {
  const card = signed({ ...ALPHA, node: 'n'.repeat(63) });
  const one: NamedRecord = { card, state: 0, incarnation: 7, ageMs: 1e12 };
  const { whole, parts } = through('alpha', Array(MAX_RECORDS + 5).fill(one));
  const { records, last } = whole as StatePart;
  t.ok(last);
  t.equal(records.length, MAX_RECORDS);
  t.equal(records.at(-1)?.ageMs, 2 ** 32 - 1, 'an age that is too large for its field');
  t.ok(parts > 50, `${parts} parts`);
});

t.test('a state is of one node, and bounded', async (t) => {
  const records = Array<NamedRecord>(200).fill({ card: signed(ALPHA), state: 0, incarnation: 7, ageMs: 0 });
  const part = (from: string): StatePart => ({ kind: 'state', from, records, last: false, skipped: 56 });
  const together = new StateParts();
  t.equal(together.add(part('alpha')), undefined);
  t.equal(together.add(part('bravo')), 'two_senders');
  for (let i = 1; i < 64; i++) t.equal(together.add(part('alpha')), undefined);
  t.equal(together.add(part('alpha')), 'too_many', 'what was skipped counts too');
});

t.test('pings', async (t) => {
  t.strictSame(decodeStream(encodeStreamPing(9, 'bravo')), { kind: 'ping', seq: 9, target: 'bravo' });
  t.strictSame(decodeStream(encodeStreamAck(2 ** 32 - 1)), { kind: 'ack', seq: 2 ** 32 - 1 });
  const nameless = STREAM_MESSAGE.encode({ version: 1, ping: { seq: 1, target: ' ' } }).finish();
  t.equal(decodeStream(nameless), 'malformed');
});

t.test('versions, and what a later one adds', async (t) => {
  t.equal(decodeStream(STREAM_MESSAGE.encode({ version: 2, ack: { seq: 1 } }).finish()), 'other_version');
  t.equal(decodeStream(new Uint8Array(0)), 'malformed');
  t.equal(decodeStream(new Uint8Array(MAX_MESSAGE + 1)), 'malformed');
  t.strictSame(decodeStream(Buffer.from([8, 1, 0x7a, 1, 0])), { kind: 'unknown' }, 'field 15');
});

t.test('a record that cannot be is skipped', async (t) => {
  const { bytes: statement, signature } = signed(ALPHA);
  const record = (state: number, incarnation: number) => ({ statement: { statement, signature }, state, incarnation });
  const read = (...records: object[]) => {
    const part = decodeStream(STREAM_MESSAGE.encode({ version: 1, state: { from: 'alpha', records } }).finish());
    return typeof part === 'string' || part.kind !== 'state' ? part : [part.records.length, part.skipped];
  };
  t.same(read(record(0, 7), record(1, 7), record(3, 9)), [3, 0]);
  t.same(read(record(4, 7)), [0, 1], 'a state that we do not know');
  t.same(read(record(0, 8)), [0, 1], 'alive in an incarnation that it did not sign');
  t.same(read(record(2, 6)), [0, 1], 'dead in an incarnation before the one that it signed');
  t.same(read({ state: 1, incarnation: 7 }), [0, 1], 'without a statement');
});
