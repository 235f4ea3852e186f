import t from 'tap';
import { Keyring, keyId } from '../../../src/core/keyring.js';
import { OpenSessions } from '../../../src/core/open-sessions.js';
import { sessionCounts } from '../../../src/core/session-counters.js';
import {
  ANSWERS_AT_ONCE,
  FORGERIES_PER_SECOND,
  IDLE_MS,
  MOST_TRUSTED,
  type Sessions,
} from '../../../src/core/sessions.js';
import { HELD_FOR_MS, MOST_HELD, MOST_HELD_BYTES, MOST_WAITING } from '../../../src/core/waiting-sessions.js';
import { MAX_DATAGRAM, MAX_PLAIN, SEALED_OVERHEAD } from '../../../src/wire/sealed.js';
import { KEY, OTHER_KEY, type Process, RING, type Sent, Wire } from './sealed-cluster.js';

/** Two processes that have been up for a while, and know nothing of each other. */
function two(): { wire: Wire; alpha: Process; bravo: Process } {
  const wire = new Wire();
  const [alpha, bravo] = [wire.start('alpha'), wire.start('bravo')];
  wire.nowMs += 60_000;
  return { wire, alpha, bravo };
}

/** The counts that are not zero. */
function counted(sessions: Sessions<string>): object {
  return Object.fromEntries(Object.entries(sessions.counts).filter(([, count]) => count > 0));
}

/** A copy with one bit of one byte turned. */
function turned(datagram: Uint8Array, at: number): Uint8Array {
  return datagram.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

t.test('a stranger is held, challenged, trusted, and heard in order', async (t) => {
  const { wire, alpha, bravo } = two();
  for (const text of ['one', 'two', 'three']) alpha.say(text, 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one', 'alpha: two', 'alpha: three']);
  t.same(
    wire.sent.map(({ from, datagram }) => [from, datagram.length - SEALED_OVERHEAD]),
    [
      ['alpha', 3],
      ['alpha', 3],
      ['alpha', 5],
      ['bravo', 36],
      ['bravo', 36],
      ['alpha', 24],
      ['alpha', 24],
    ],
    'two challenges at once, no more',
  );
  t.same(counted(bravo.sessions), {
    sealed: 2,
    challenged: 2,
    challenge_limited: 1,
    held: 3,
    delivered: 3,
    trusted: 1,
    answer_unasked: 1,
  });
  t.equal(bravo.sessions.waitingCount, 0);
  t.equal(bravo.sessions.heldBytes, 0);

  const before = wire.sent.length;
  alpha.say('four', 'bravo');
  wire.move();
  t.equal(bravo.heard.at(-1), 'alpha: four');
  t.equal(wire.sent.length, before + 1, 'once trusted, nothing is asked');
  t.equal(alpha.sessions.trustedCount, 0, 'answering trusts nobody');
});

t.test('three processes that all talk', async (t) => {
  const wire = new Wire();
  const all = ['alpha', 'bravo', 'charlie'].map((name) => wire.start(name));
  wire.nowMs += 60_000;
  for (const one of all) for (const other of all) if (one !== other) one.say('hello', other.name);
  wire.move();
  for (const one of all) {
    const others = all.filter((other) => other !== one).map(({ name }) => `${name}: hello`);
    t.strictSame([...one.heard].sort(), others);
    t.equal(one.sessions.trustedCount, 2);
  }
});

t.test('a lost challenge is sent again, with the next message', async (t) => {
  const { wire, alpha, bravo } = two();
  bravo.sessions.open(alpha.say('one', 'nobody'), 'alpha', wire.nowMs);
  wire.lose();
  wire.nowMs += 1000;
  alpha.say('two', 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one', 'alpha: two']);
});

t.test('a lost answer too', async (t) => {
  const { wire, alpha, bravo } = two();
  bravo.sessions.open(alpha.say('one', 'nobody'), 'alpha', wire.nowMs);
  const [, challenge] = wire.lose();
  alpha.sessions.open(challenge.datagram, 'bravo', wire.nowMs);
  t.equal(wire.lose().length, 1);
  wire.nowMs += 500;
  alpha.say('two', 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one', 'alpha: two']);
});

t.test('each wrong datagram is counted under its own name, and does nothing', async (t) => {
  const { wire, alpha, bravo } = two();
  alpha.say('hello', 'bravo');
  wire.move();
  const good = alpha.say('again', 'bravo');
  wire.move();
  const own = bravo.say('mine', 'nobody');
  wire.lose();
  const foreign = wire.start('eve', Keyring.of([OTHER_KEY])).say('let me in', 'nobody');
  wire.lose();
  const before = { ...bravo.sessions.counts };

  const { sessions } = bravo;
  const ends = (datagram: Uint8Array, end: keyof typeof before, name: string) => {
    const was = { ...sessions.counts };
    sessions.open(datagram, 'eve', wire.nowMs);
    t.strictSame({ ...sessions.counts }, { ...was, [end]: was[end] + 1 }, name);
  };
  ends(good, 'replayed', 'replayed');
  ends(own, 'reflected', 'reflected');
  ends(foreign, 'foreign_key', 'of another ring');
  for (let at = 0; at < good.length; at++) {
    const end = at < 4 ? 'malformed' : at < 8 ? 'foreign_key' : 'forged';
    // The kind, and the counter's highest byte, follow.
    if (at !== 3 && at !== 24) ends(turned(good, at), end, `byte ${at}`);
  }
  ends(turned(good, 3), 'malformed', 'kind 0');
  for (const kind of [2, 3, 4])
    ends(
      good.map((byte, i) => (i === 3 ? kind : byte)),
      'forged',
      `kind ${kind}`,
    );
  ends(
    good.map((byte, i) => (i === 24 ? 0xff : byte)),
    'malformed',
    'a counter that no number holds',
  );
  for (let length = 0; length < good.length; length++) {
    ends(good.subarray(0, length), length < SEALED_OVERHEAD ? 'malformed' : 'forged', `${length} bytes of it`);
  }
  ends(Buffer.concat([good, Buffer.alloc(1)]), 'forged', 'a byte more');
  ends(new Uint8Array(MAX_DATAGRAM + 1).fill(1), 'malformed', 'too long');

  t.strictSame(bravo.heard, ['alpha: hello', 'alpha: again']);
  t.equal(sessions.waitingCount, 0);
  t.equal(sessions.trustedCount, 1);
  alpha.say('still here', 'bravo');
  wire.move();
  t.equal(bravo.heard.at(-1), 'alpha: still here');
});

t.test('messages out of order are heard, each once', async (t) => {
  const { wire, alpha, bravo } = two();
  alpha.say('hello', 'bravo');
  wire.move();
  const burst = Array.from({ length: 1000 }, (_, i) => alpha.say(`${i}`, 'bravo'));
  wire.lose();
  for (const datagram of burst.reverse()) {
    bravo.sessions.open(datagram, 'alpha', wire.nowMs);
    bravo.sessions.open(datagram, 'alpha', wire.nowMs);
  }
  t.equal(bravo.heard.length, 1001);
  t.equal(bravo.sessions.counts.replayed, 1000);
});

t.test('a receiver that was restarted is not fooled by what its earlier life received', async (t) => {
  const { wire, alpha, bravo } = two();
  for (let i = 0; i < 50; i++) {
    alpha.say(`message ${i}`, 'bravo');
    wire.move();
    wire.nowMs += 100;
  }
  t.equal(bravo.heard.length, 50);
  const recorded = wire.sent.filter(({ to }) => to === 'bravo');

  const reborn = wire.start('bravo');
  wire.nowMs += 5;
  // All of it again, to the last millisecond before; alpha is there and answers each challenge.
  for (const { datagram } of recorded.reverse()) wire.send({ from: 'alpha', to: 'bravo', datagram });
  wire.move();
  t.strictSame(reborn.heard, [], 'nothing that was recorded');
  t.ok(reborn.sessions.counts.held > 0);
  t.equal(reborn.sessions.counts.trusted, 1, 'alpha itself is trusted');

  wire.nowMs += 100;
  alpha.say('news', 'bravo');
  wire.move();
  t.strictSame(reborn.heard, ['alpha: news']);
  for (const { datagram } of recorded) reborn.sessions.open(datagram, 'alpha', wire.nowMs);
  t.strictSame(reborn.heard, ['alpha: news'], 'nor later');
});

t.test('a sender that is gone answers no challenge', async (t) => {
  const { wire, alpha } = two();
  alpha.say('old', 'bravo');
  wire.move();
  const recorded = wire.sent.filter(({ from }) => from === 'alpha');
  wire.start('alpha');
  const reborn = wire.start('bravo');
  wire.nowMs += 60_000;
  for (const { datagram } of recorded) wire.send({ from: 'alpha', to: 'bravo', datagram });
  wire.move();
  t.strictSame(reborn.heard, []);
  t.equal(reborn.sessions.trustedCount, 0);
  t.same(counted(reborn.sessions), { sealed: 1, challenged: 1, held: 1, answer_unasked: 1 });
});

t.test('challenges and answers of others open nothing', async (t) => {
  const wire = new Wire();
  const [alpha, bravo, charlie] = ['alpha', 'bravo', 'charlie'].map((name) => wire.start(name));
  wire.nowMs += 60_000;
  bravo.sessions.open(alpha.say('to bravo', 'nobody'), 'alpha', wire.nowMs);
  charlie.sessions.open(alpha.say('to charlie', 'nobody'), 'alpha', wire.nowMs);
  const [, challenge] = wire.lose().filter(({ datagram }) => datagram.length === SEALED_OVERHEAD + 36);
  t.equal(challenge.from, 'charlie');

  bravo.sessions.open(challenge.datagram, 'charlie', wire.nowMs);
  t.equal(bravo.sessions.counts.challenge_foreign, 1, "a challenge to alpha is not bravo's to answer");
  alpha.sessions.open(challenge.datagram, 'charlie', wire.nowMs);
  const [answer] = wire.lose();
  bravo.sessions.open(answer.datagram, 'alpha', wire.nowMs);
  t.equal(bravo.sessions.counts.answer_unasked, 1, 'the answer to charlie is none to bravo');
  t.equal(bravo.sessions.trustedCount, 0);
  charlie.sessions.open(answer.datagram, 'alpha', wire.nowMs);
  t.strictSame(charlie.heard, ['alpha: to charlie']);
});

t.test('replayed challenges are answered at a limited rate', async (t) => {
  const { wire, alpha, bravo } = two();
  bravo.sessions.open(alpha.say('one', 'nobody'), 'alpha', wire.nowMs);
  const [, challenge] = wire.lose();
  for (let i = 0; i < 10_000; i++) alpha.sessions.open(challenge.datagram, 'victim', wire.nowMs);
  t.equal(wire.lose().length, ANSWERS_AT_ONCE);
  t.equal(alpha.sessions.counts.answer_limited, 10_000 - ANSWERS_AT_ONCE);
});

t.test('what waits is bounded: messages, age, sessions and bytes', async (t) => {
  const { wire, alpha, bravo } = two();
  const { sessions } = bravo;
  const large = 'x'.repeat(MAX_PLAIN);
  for (let i = 0; i < 20; i++) sessions.open(alpha.say(`${i}`, 'nobody'), 'alpha', wire.nowMs);
  t.equal(sessions.counts.held_dropped, 20 - MOST_HELD);
  const [challenge] = wire.lose().filter(({ from }) => from === 'bravo');
  wire.nowMs += HELD_FOR_MS - 100;
  sessions.open(alpha.say('late', 'nobody'), 'alpha', wire.nowMs);
  wire.lose();
  wire.nowMs += 200;
  alpha.sessions.open(challenge.datagram, 'bravo', wire.nowMs);
  wire.move();
  t.strictSame(bravo.heard, ['alpha: late'], 'the latest, none older than two seconds');
  t.equal(sessions.counts.held_dropped, 20);

  const strangers = Array.from({ length: MOST_WAITING + 44 }, (_, i) => wire.start(`stranger ${i}`));
  for (const stranger of strangers) sessions.open(stranger.say(large, 'nobody'), stranger.name, wire.nowMs);
  t.equal(sessions.waitingCount, MOST_WAITING);
  for (let i = 0; i < 8; i++) {
    for (const stranger of strangers.slice(-200)) {
      sessions.open(stranger.say(large, 'nobody'), stranger.name, wire.nowMs);
      if (sessions.heldBytes > MOST_HELD_BYTES) t.fail(`${sessions.heldBytes} bytes held`);
    }
  }
  t.ok(sessions.heldBytes > MOST_HELD_BYTES / 2, `${sessions.heldBytes} bytes held`);
  wire.lose();
});

t.test('challenges to many strangers at a limited rate', async (t) => {
  const { wire, bravo } = two();
  for (let i = 0; i < 1500; i++) bravo.sessions.open(wire.start(`s${i}`).say('x', 'nobody'), 'victim', wire.nowMs);
  t.equal(wire.lose().filter(({ to }) => to === 'victim').length, 1000);
});

t.test('a flood of forgeries under new sessions costs no more than so many keys a second', async (t) => {
  const { wire, alpha, bravo } = two();
  alpha.say('known', 'bravo');
  wire.move();
  const sealed = alpha.sessions.seal(Buffer.from('x'), wire.nowMs);
  let forged = 0;
  const flood = (count: number) => {
    for (let i = 0; i < count; i++) {
      const forgery = Uint8Array.from(sealed);
      new DataView(forgery.buffer).setUint32(8, ++forged);
      bravo.sessions.open(forgery, 'nobody', wire.nowMs);
    }
  };
  flood(FORGERIES_PER_SECOND + 500);
  t.match(bravo.sessions.counts, { forged: FORGERIES_PER_SECOND, stranger_limited: 500 });
  alpha.say('still heard', 'bravo');
  const charlie = wire.start('charlie');
  charlie.say('too early', 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: known', 'alpha: still heard'], 'who is known is heard, a stranger is not');

  wire.nowMs += 100;
  flood(FORGERIES_PER_SECOND);
  t.equal(bravo.sessions.counts.forged, FORGERIES_PER_SECOND * 1.1);
  wire.nowMs += 100;
  for (let i = 0; i < 2000; i++) wire.start(`node ${i}`).say('one of many', 'bravo');
  charlie.say('after it', 'bravo');
  wire.move();
  t.equal(bravo.sessions.counts.held, 1 + 2001, 'those that hold the key cost none, however many they are');
});

t.test('trusted sessions are forgotten when they are idle, or too many', async (t) => {
  const { wire, alpha, bravo } = two();
  alpha.say('one', 'bravo');
  wire.move();
  const recorded = wire.sent.filter(({ from }) => from === 'alpha');
  wire.nowMs += IDLE_MS + 1;
  for (const { datagram } of recorded) wire.send({ from: 'alpha', to: 'bravo', datagram });
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one'], 'what it said before is not heard again');
  t.equal(bravo.sessions.counts.forgotten, 1);
  alpha.say('two', 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one', 'alpha: two']);

  for (let i = 0; i < MOST_TRUSTED + 10; i++) {
    const session = Buffer.alloc(16);
    session.writeUInt32BE(i);
    bravo.sessions.trust({ session, counter: 0 }, wire.nowMs);
  }
  t.equal(bravo.sessions.trustedCount, MOST_TRUSTED);
  t.equal(bravo.sessions.counts.forgotten, 12);
});

t.test('a stream vouches for a session, from its hello on', async (t) => {
  const { wire, alpha, bravo } = two();
  const before = alpha.say('before', 'nobody');
  const [there, here] = [alpha.sessions.openStream(), bravo.sessions.openStream()];
  const after = alpha.say('after', 'nobody');
  wire.lose();
  bravo.sessions.open(before, 'alpha', wire.nowMs);
  t.equal(wire.lose().length, 1, 'challenged');
  const { write } = here.receive(there.start());
  const { write: proof } = there.receive(Buffer.concat([here.start(), write ?? Buffer.alloc(0)]));
  t.ok(here.receive(proof ?? Buffer.alloc(0)).ready);
  if (!here.peer) throw new Error('no peer');
  bravo.sessions.trust(here.peer, wire.nowMs);
  bravo.sessions.trust(here.peer, wire.nowMs);
  bravo.sessions.open(after, 'alpha', wire.nowMs);
  bravo.sessions.open(before, 'alpha', wire.nowMs);
  t.strictSame(bravo.heard, ['alpha: after']);
  t.same(counted(bravo.sessions), { sealed: 1, challenged: 1, held: 1, trusted: 1, delivered: 1, replayed: 2 });
});

t.test('the key changes without a break', async (t) => {
  const { wire, alpha, bravo } = two();
  const talk = (text: string) => {
    alpha.say(text, 'bravo');
    bravo.say(text, 'alpha');
    wire.move();
    t.equal(bravo.heard.at(-1), `alpha: ${text}`);
    t.equal(alpha.heard.at(-1), `bravo: ${text}`);
  };
  talk('old key');
  const both = RING.add(OTHER_KEY);
  const all = [alpha, bravo];
  const steps: [string, Keyring][] = [
    ['add', both],
    ['use', both.use(keyId(OTHER_KEY))],
    ['remove', both.use(keyId(OTHER_KEY)).remove(keyId(KEY))],
  ];
  for (const [step, ring] of steps) {
    for (const one of all) {
      one.sessions.setRing(ring);
      talk(`${step} at ${one.name}`);
    }
  }
  const old = wire.sent[0].datagram;
  bravo.sessions.open(old, 'alpha', wire.nowMs);
  t.equal(bravo.sessions.counts.foreign_key, 1, 'what was sealed under the old key opens no more');
  t.equal(bravo.sessions.counts.replayed, 0);
  t.equal(bravo.sessions.counts.trusted, 1, 'and nobody was challenged anew');
});

t.test('a key that is used too early is foreign to those who lack it, and to them alone', async (t) => {
  const { wire, alpha, bravo } = two();
  alpha.say('one', 'bravo');
  wire.move();
  alpha.sessions.setRing(RING.add(OTHER_KEY).use(keyId(OTHER_KEY)));
  alpha.say('two', 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one']);
  t.equal(bravo.sessions.counts.foreign_key, 1);
  bravo.sessions.setRing(RING.add(OTHER_KEY));
  alpha.say('three', 'bravo');
  wire.move();
  t.strictSame(bravo.heard, ['alpha: one', 'alpha: three']);
});

t.test('the datagram that was given is not kept', async (t) => {
  const { wire, alpha, bravo } = two();
  const datagram = Buffer.from(alpha.say('hello', 'nobody'));
  wire.lose();
  bravo.sessions.open(datagram, 'alpha', wire.nowMs);
  datagram.fill(0);
  wire.move();
  t.strictSame(bravo.heard, ['alpha: hello']);
});

t.test('an insecure cluster hears everybody', async (t) => {
  const heard: [string, string][] = [];
  const sent: Sent[] = [];
  const sessions = new OpenSessions<string>({
    deliver: (plain, via) => heard.push([Buffer.from(plain).toString(), via]),
    send: (datagram, via) => sent.push({ from: '', to: via, datagram }),
  });
  const datagram = Buffer.from(sessions.seal(Buffer.from('hello')));
  sessions.open(datagram, 'anybody');
  datagram.fill(0);
  sessions.open(new Uint8Array(MAX_PLAIN + 1), 'anybody');
  t.same(heard, [['hello', 'anybody']]);
  t.same(sent, []);
  t.same(sessions.counts, { ...sessionCounts(), delivered: 1, malformed: 1 });
});
