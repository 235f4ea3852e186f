/** What the ends of a measurement say to each other: every message, and everything that is none. */
import fc from 'fast-check';
import t from 'tap';
import { DatagramHeader, HEADER } from '../../../src/bench/datagram.js';
import { Lines } from '../../../src/bench/lines.js';
import {
  type Answer,
  MAX_LINE,
  MAX_SECONDS,
  MIN_SIZE,
  type Order,
  parseAnswer,
  parseOrder,
  writeMessage,
} from '../../../src/bench/messages.js';

const TOKEN = '0123456789abcdef';
const ORDERS: readonly Order[] = [
  { type: 'hello', version: 1 },
  { type: 'stream', token: TOKEN, id: 7 },
  { type: 'tcp', id: 1, streams: 64, seconds: 0.1, reverse: true },
  { type: 'udp', id: 2, size: MIN_SIZE, seconds: MAX_SECONDS, joined: false },
  { type: 'echo', id: 0x7fff_ffff, seconds: 5 },
  { type: 'stop', id: 2 },
];
const ANSWERS: readonly Answer[] = [
  { type: 'welcome', version: 1, node: 'bravo', token: TOKEN },
  { type: 'refused', words: 'no' },
  { type: 'ready', id: 1 },
  { type: 'ready', id: 1, port: 65_535 },
  { type: 'counted', id: 1, bytes: 2 ** 40, ms: 1.5, packets: 0, late: 0, socketDrops: 0, cpuSeconds: 0.25 },
  { type: 'failed', id: 1, words: 'x'.repeat(512) },
];

t.test('each message survives, in a line that is not too long', async (t) => {
  for (const order of ORDERS) t.same(parseOrder(writeMessage(order)), order);
  for (const answer of ANSWERS) t.same(parseAnswer(writeMessage(answer)), answer);
  for (const message of [...ORDERS, ...ANSWERS]) t.ok(writeMessage(message).length <= MAX_LINE + 1);
});

t.test('what is out of bounds is no message', async (t) => {
  const wrong = [
    { type: 'tcp', id: 1, streams: 65, seconds: 1, reverse: false },
    { type: 'tcp', id: 0, streams: 1, seconds: 1, reverse: false },
    { type: 'tcp', id: 1, streams: 1, seconds: MAX_SECONDS + 1, reverse: false },
    { type: 'tcp', id: 1, streams: 1, seconds: 1, reverse: false, more: 1 },
    { type: 'udp', id: 1, size: MIN_SIZE - 1, seconds: 1, joined: false },
    { type: 'udp', id: 1, size: 1e9, seconds: 1, joined: false },
    { type: 'stream', token: 'x', id: 1 },
    { type: 'else', id: 1 },
    {},
  ];
  for (const message of wrong) t.equal(parseOrder(JSON.stringify(message)), undefined, JSON.stringify(message));
  t.equal(parseOrder('{"type":"hello","version":1e999}'), undefined);
  t.equal(parseAnswer('{"type":"ready","id":1,"port":0}'), undefined);
});

t.test('nothing makes the parsers throw', async () => {
  const mutated = fc
    .tuple(fc.constantFrom(...[...ORDERS, ...ANSWERS].map(writeMessage)), fc.nat(), fc.string())
    .map(
      ([line, at, words]) => line.slice(0, at % line.length) + words + line.slice((at % line.length) + words.length),
    );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), mutated), (line) => {
      const order = parseOrder(line);
      const answer = parseAnswer(line);
      return [order, answer].every((found) => found === undefined || 'type' in found);
    }),
    { numRuns: 1000 },
  );
});

t.test('lines, however they are cut, against a naive twin', async () => {
  const LIMIT = 16;
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'ccccc', '\r'), maxLength: 60 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(10)), (whole, cuts) => {
      const lines = new Lines(LIMIT);
      const found: (string | null)[] = [];
      let at = 0;
      for (const size of [...cuts, whole.length]) {
        lines.push(Buffer.from(whole.slice(at, at + size)));
        at += size;
        for (let line = lines.next(); line !== undefined && found.at(-1) !== null; line = lines.next())
          found.push(line);
        if (found.at(-1) === null) break;
      }
      const parts = whole.split('\n');
      const tooLong = parts.findIndex((part) => part.length > LIMIT);
      const expected = tooLong === -1 ? parts.slice(0, -1) : [...parts.slice(0, tooLong), null];
      return (
        JSON.stringify(found) === JSON.stringify(expected) && (tooLong !== -1 || String(lines.rest) === parts.at(-1))
      );
    }),
    { numRuns: 2000 },
  );
});

t.test("a datagram is of its test and its client, or nobody's", async (t) => {
  const header = new DatagramHeader(TOKEN, 3);
  const bytes = Buffer.alloc(40);
  header.write(bytes, 5, 0xffff_fffe);
  t.equal(bytes.toString('hex', 5, 5 + HEADER), `${TOKEN}00000003fffffffe`);
  t.equal(header.read(bytes, 5, HEADER), 0xffff_fffe);
  t.equal(header.read(bytes, 5, HEADER - 1), -1);
  t.equal(new DatagramHeader(TOKEN, 4).read(bytes, 5, HEADER), -1);
  t.equal(new DatagramHeader('0123456789abcdee', 3).read(bytes, 5, HEADER), -1);
  t.equal(new DatagramHeader('1123456789abcdef', 3).read(bytes, 5, HEADER), -1);
});
