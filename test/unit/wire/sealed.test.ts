import t from 'tap';
import { Keyring } from '../../../src/core/keyring.js';
import { OwnSession } from '../../../src/core/own-session.js';
import { SealedStream } from '../../../src/core/sealed-stream.js';
import { SessionKeys } from '../../../src/core/session-keys.js';
import {
  decodeAnswer,
  decodeChallenge,
  encodeAnswer,
  encodeChallenge,
  MAX_DATAGRAM,
  MAX_PLAIN,
  MESSAGE,
  openDatagram,
  readHeader,
  type SealedKind,
  sealDatagram,
} from '../../../src/wire/sealed.js';
import { vectors } from './vectors.js';

type Fields =
  | {
      type: 'datagram';
      ringKey: string;
      keyId: number;
      session: string;
      counter: number;
      kind: SealedKind;
      plain: string;
      challenge?: { session: string; nonce: string; ageMs: number };
      answer?: { nonce: string; counter: number };
    }
  | { type: 'stream'; ringKeys: string[]; sessions: string[]; nonces: string[]; messages: string[] };

const fromHex = (text: string) => Buffer.from(text, 'hex');
const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');

for (const { name, bytes, answer, fields } of vectors<Fields>('sealed')) {
  t.test(`vector: ${name}`, async (t) => {
    if (fields.type === 'datagram') {
      const { kind, keyId, counter, plain } = fields;
      const header = { kind, keyId, session: fromHex(fields.session), counter };
      const ring = Keyring.of([fromHex(fields.ringKey)]);
      t.equal(ring.first.id, keyId);
      const key = new SessionKeys(header.session).of(ring.first);
      t.same(readHeader(bytes), header);
      t.equal(hex(openDatagram(bytes, header, key)), plain);
      t.equal(hex(sealDatagram(header, key, fromHex(plain))), bytes.toString('hex'));
      if (fields.challenge) {
        const { session, nonce, ageMs } = fields.challenge;
        const challenge = { session: fromHex(session), nonce: fromHex(nonce), ageMs };
        t.same(decodeChallenge(fromHex(plain)), challenge);
        t.equal(hex(encodeChallenge(challenge)), plain);
      }
      if (fields.answer) {
        const answer = { ...fields.answer, nonce: fromHex(fields.answer.nonce) };
        t.same(decodeAnswer(fromHex(plain)), answer);
        t.equal(hex(encodeAnswer(answer)), plain);
      }
      return;
    }

    const [first, second] = [0, 1].map((end) => {
      const drawn = [fields.sessions[end], fields.nonces[end]].map(fromHex);
      const randomBytes = () => drawn.shift() ?? Buffer.alloc(0);
      const keys = [fields.ringKeys[end], fields.ringKeys[1 - end]].map(fromHex);
      return new SealedStream(new OwnSession(Keyring.of(keys), randomBytes), randomBytes);
    });
    const written = [first.start()];
    const { write, messages } = first.receive(answer);
    written.push(write ?? Buffer.alloc(0), first.seal(fromHex(fields.messages[0])));
    t.equal(hex(Buffer.concat(written)), bytes.toString('hex'));
    t.same(messages.map(hex), [fields.messages[1]]);
    t.same(second.receive(bytes).messages.map(hex), [fields.messages[0]]);
  });
}

t.test('the largest datagram', async (t) => {
  const ring = Keyring.of([new Uint8Array(32)]);
  const own = new OwnSession(ring, (count) => new Uint8Array(count));
  const datagram = own.seal(MESSAGE, new Uint8Array(MAX_PLAIN));
  t.equal(datagram.length, MAX_DATAGRAM);
  t.ok(readHeader(datagram));
});

t.test('an answer and a challenge may grow, and are never short', async (t) => {
  for (let length = 0; length < 40; length++) {
    t.equal(decodeChallenge(new Uint8Array(length)) !== undefined, length >= 36);
    t.equal(decodeAnswer(new Uint8Array(length)) !== undefined, length >= 24);
  }
  t.ok(decodeAnswer(new Uint8Array(50)));
  t.equal(decodeAnswer(new Uint8Array(24).fill(0xff)), undefined, 'a counter that no number holds');
});
