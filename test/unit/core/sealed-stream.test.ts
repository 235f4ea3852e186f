import t from 'tap';
import type { GossipStream, StreamStep } from '../../../src/core/channel.js';
import { Keyring, keyId } from '../../../src/core/keyring.js';
import { OpenStream } from '../../../src/core/open-stream.js';
import { OwnSession } from '../../../src/core/own-session.js';
import { SealedStream } from '../../../src/core/sealed-stream.js';
import { MAX_MESSAGE } from '../../../src/wire/gossip/stream.js';
import { countedBytes, KEY, OTHER_KEY, RING } from './sealed-cluster.js';

const NOTHING = new Uint8Array(0);

function end(name: string, ring = RING): { own: OwnSession; stream: SealedStream } {
  const randomBytes = countedBytes(name);
  const own = new OwnSession(ring, randomBytes);
  return { own, stream: new SealedStream(own, randomBytes) };
}

/** Lets two ends meet; what each wrote, hello and proof. */
function meet(one: GossipStream, other: GossipStream): { steps: StreamStep[]; written: Uint8Array[] } {
  const [hello, hello2] = [one.start(), other.start()];
  const first = other.receive(hello);
  const second = one.receive(Buffer.concat([hello2, first.write ?? NOTHING]));
  const third = other.receive(second.write ?? NOTHING);
  return {
    steps: [first, second, third],
    written: [Buffer.concat([hello, second.write ?? NOTHING]), Buffer.concat([hello2, first.write ?? NOTHING])],
  };
}

const texts = ({ messages }: StreamStep) => messages.map((message) => Buffer.from(message).toString());

t.test('two ends meet, and talk both ways', async (t) => {
  const [alpha, bravo] = [end('alpha'), end('bravo')];
  t.throws(() => alpha.stream.seal(NOTHING), { code: 'INTERNAL' }, 'not before the other is known');
  const { steps } = meet(alpha.stream, bravo.stream);
  t.same(
    steps.map(({ ready, closed }) => [ready, closed]),
    [
      [false, undefined],
      [true, undefined],
      [true, undefined],
    ],
  );
  t.same(alpha.stream.peer, { session: bravo.own.id, counter: 0 });
  t.same(bravo.stream.peer, { session: alpha.own.id, counter: 0 });
  for (const text of ['one', 'two', '']) {
    t.strictSame(texts(bravo.stream.receive(alpha.stream.seal(Buffer.from(text)))), [text]);
    t.strictSame(texts(alpha.stream.receive(bravo.stream.seal(Buffer.from(text)))), [text]);
  }
});

t.test('however the bytes are cut', async (t) => {
  const [alpha, bravo] = [end('alpha'), end('bravo')];
  const toAlpha = [bravo.stream.start()];
  const bytes = (chunk: Uint8Array) => Array.from(chunk, (byte) => Uint8Array.of(byte));
  for (const byte of bytes(alpha.stream.start())) {
    const { write } = bravo.stream.receive(byte);
    if (write) toAlpha.push(write);
  }
  const { write } = alpha.stream.receive(Buffer.concat(toAlpha));
  const sent = [write ?? NOTHING, ...['one', 'two'].map((text) => alpha.stream.seal(Buffer.from(text)))];
  t.strictSame(
    bytes(Buffer.concat(sent)).flatMap((byte) => texts(bravo.stream.receive(byte))),
    ['one', 'two'],
  );
});

t.test('the largest message passes, one byte more is neither sealed nor taken', async (t) => {
  const [alpha, bravo] = [end('alpha'), end('bravo')];
  meet(alpha.stream, bravo.stream);
  const largest = new Uint8Array(MAX_MESSAGE).fill(7);
  const [taken] = bravo.stream.receive(alpha.stream.seal(largest)).messages;
  t.ok(Buffer.from(largest).equals(taken));
  t.throws(() => alpha.stream.seal(new Uint8Array(MAX_MESSAGE + 1)), { code: 'INTERNAL' });
  const step = bravo.stream.receive(Buffer.from([0, 1, 0, 17]));
  t.same([step.closed, step.ready], ['too_large', false]);
  t.same(bravo.stream.receive(alpha.stream.seal(largest)), { messages: [], ready: false, closed: 'too_large' });
});

t.test('a stranger is refused by name, and cannot make us keep much', async (t) => {
  const refusal = (bytes: Uint8Array) => end('bravo').stream.receive(bytes).closed;
  const hello = end('alpha').stream.start();
  const changed = (at: number) => hello.map((byte, i) => (i === at ? byte ^ 0x80 : byte));
  t.equal(refusal(end('eve', Keyring.of([OTHER_KEY])).stream.start()), 'foreign_key');
  t.equal(refusal(end('bravo').stream.start()), 'reflected', 'our own session');
  t.equal(refusal(changed(4)), 'malformed', 'no magic');
  t.equal(refusal(changed(20)), 'forged', 'another session');
  t.equal(refusal(changed(40)), 'forged', 'another nonce');
  t.equal(refusal(hello.map((byte, i) => (i === 7 ? 1 : byte))), 'malformed', 'a message is no hello');
  t.equal(refusal(Buffer.from([0, 0, 0, 81])), 'too_large', 'no hello is longer');
  t.equal(refusal(Buffer.from([0, 0, 0, 0])), 'malformed');
  t.equal(refusal(Buffer.from('GET / HTTP/1.1\r\n')), 'too_large');
  const { stream } = end('bravo');
  t.ok(stream.receive(hello).write);
  t.equal(stream.receive(Buffer.from([0, 0, 0, 17])).closed, 'too_large', 'nor is the proof');
});

t.test('what was recorded cannot be played again', async (t) => {
  const [alpha, bravo] = [end('alpha'), end('bravo')];
  const { written } = meet(alpha.stream, bravo.stream);
  const message = alpha.stream.seal(Buffer.from('pay'));
  const again = new SealedStream(bravo.own, countedBytes('bravo, later'));
  const step = again.receive(Buffer.concat([written[0], message]));
  t.same([step.closed, step.ready, step.messages.length], ['forged', false, 0], 'to another stream');
  t.equal(again.peer, undefined);

  t.strictSame(texts(bravo.stream.receive(message)), ['pay']);
  t.equal(bravo.stream.receive(message).closed, 'forged', 'on the same stream');
});

t.test('nor back, nor in another order, nor changed', async (t) => {
  const wrong: Record<string, (sent: Uint8Array[], back: Uint8Array) => Uint8Array> = {
    reflected: (_, back) => back,
    reordered: ([, second]) => second,
    changed: ([first]) => first.map((byte, i) => (i === 6 ? byte ^ 1 : byte)),
    cut: ([first]) => Buffer.concat([Buffer.from([0, 0, 0, 18]), first.subarray(4, 22)]),
    empty: () => Buffer.from([0, 0, 0, 0]),
  };
  for (const [name, make] of Object.entries(wrong)) {
    const [alpha, bravo] = [end('alpha'), end('bravo')];
    meet(alpha.stream, bravo.stream);
    const sent = ['first', 'second'].map((text) => alpha.stream.seal(Buffer.from(text)));
    const step = bravo.stream.receive(make(sent, bravo.stream.seal(Buffer.from('first'))));
    t.same([step.closed, step.messages.length], ['forged', 0], name);
  }
});

t.test('streams live through a change of the key', async (t) => {
  const both = RING.add(OTHER_KEY);
  const [alpha, bravo] = [end('alpha', both.use(keyId(OTHER_KEY))), end('bravo', both)];
  const { steps } = meet(alpha.stream, bravo.stream);
  t.ok(steps[2].ready, 'each seals under its own first key');
  bravo.own.setRing(both.use(keyId(OTHER_KEY)).remove(keyId(KEY)));
  t.strictSame(texts(bravo.stream.receive(alpha.stream.seal(Buffer.from('still')))), ['still']);
});

t.test('the stream of an insecure cluster', async (t) => {
  const [alpha, bravo] = [new OpenStream(), new OpenStream()];
  t.equal(alpha.start().length, 0);
  t.ok(bravo.receive(NOTHING).ready, 'at once');
  const sent = Buffer.concat(['one', 'two'].map((text) => alpha.seal(Buffer.from(text))));
  t.strictSame(
    [...texts(bravo.receive(sent.subarray(0, 8))), ...texts(bravo.receive(sent.subarray(8)))],
    ['one', 'two'],
  );
  t.equal(bravo.peer, undefined);
  t.throws(() => alpha.seal(new Uint8Array(MAX_MESSAGE + 1)), { code: 'INTERNAL' });
  t.same(bravo.receive(end('alpha').stream.start()).closed, undefined);
  t.same(bravo.receive(Buffer.from([0, 1, 0, 1])), { messages: [], ready: false, closed: 'too_large' });
  t.same(bravo.receive(sent), { messages: [], ready: false, closed: 'too_large' });
});
