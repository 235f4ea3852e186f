import fc from 'fast-check';
import t from 'tap';
import {
  Answerer,
  Asker,
  type ExchangeHost,
  type Outcome,
  type Question,
} from '../../../../src/control/membership/exchange.js';
import type { StreamEnd, StreamListener } from '../../../../src/control/membership/transport.js';
import type { GossipStream, StreamPeer } from '../../../../src/core/channel.js';
import { OpenStream } from '../../../../src/core/open-stream.js';
import { OwnSession } from '../../../../src/core/own-session.js';
import { SealedStream } from '../../../../src/core/sealed-stream.js';
import { frame } from '../../../../src/wire/frames.js';
import {
  encodeState,
  encodeStreamAck,
  encodeStreamPing,
  MAX_RECORDS,
  type NamedRecord,
} from '../../../../src/wire/gossip/stream.js';
import { countedBytes, RING } from '../../core/sealed-cluster.js';
import { address } from '../sample-config.js';
import { card } from './sample-card.js';

const REMOTE = { address: address('192.0.2.1'), port: 7946 };
const record = (name: string): NamedRecord => ({ card: card(name), state: 0, incarnation: 1, ageMs: 0 });

/** A node as an exchange sees it. */
class Host implements ExchangeHost {
  readonly node: string;
  readonly records: NamedRecord[];
  readonly trusted: StreamPeer[] = [];
  merges = 0;

  constructor(node: string, records: NamedRecord[]) {
    this.node = node;
    this.records = records;
  }

  pushState(): NamedRecord[] {
    return this.records;
  }

  mergeState(records: readonly NamedRecord[]): void {
    this.merges++;
    this.records.push(...records);
  }

  trust(peer: StreamPeer): void {
    this.trusted.push(peer);
  }

  names(): string[] {
    return this.records.map(({ card: { statement } }) => statement.node);
  }
}

/** One end: what it writes lies there until it is taken. */
class End implements StreamEnd {
  readonly remote = REMOTE;
  readonly written: Uint8Array[] = [];
  state: 'open' | 'ended' | 'destroyed' = 'open';

  write(bytes: Uint8Array): void {
    if (this.state === 'open') this.written.push(bytes);
  }

  end(): void {
    if (this.state === 'open') this.state = 'ended';
  }

  destroy(): void {
    this.state = 'destroyed';
  }

  take(): Uint8Array {
    return Buffer.concat(this.written.splice(0));
  }
}

function sealed(name: string): GossipStream {
  const bytes = countedBytes(name);
  return new SealedStream(new OwnSession(RING, bytes), bytes);
}

/** An asker and an answerer, each with its host and its end. */
function setUp(question: Question, stream: (name: string) => GossipStream = sealed) {
  const outcomes: Outcome[] = [];
  const alpha = {
    host: new Host('alpha', [record('alpha'), record('charlie')]),
    end: new End(),
    seal: stream('alpha'),
  };
  const bravo = { host: new Host('bravo', [record('bravo')]), end: new End(), seal: stream('bravo') };
  alpha.end.write(alpha.seal.start());
  bravo.end.write(bravo.seal.start());
  const asker = new Asker(
    alpha.host,
    alpha.seal,
    () => alpha.end,
    question,
    (outcome) => outcomes.push(outcome),
  );
  const answerer = new Answerer(bravo.host, bravo.seal, () => bravo.end);
  /** Carries what was written, in pieces of this size, until nothing more is. */
  const carry = (piece = Number.POSITIVE_INFINITY) => {
    for (let moved = true; moved; ) {
      const [there, back] = [alpha.end.take(), bravo.end.take()];
      moved = there.length + back.length > 0;
      feed(answerer, there, piece);
      feed(asker, back, piece);
    }
  };
  return { alpha, bravo, asker, answerer, outcomes, carry };
}

function feed(listener: StreamListener, bytes: Uint8Array, piece: number): void {
  for (let at = 0; at < bytes.length; at += piece) listener.data(bytes.subarray(at, at + piece));
}

t.test('two nodes tell each other all that they know', async (t) => {
  for (const stream of [sealed, () => new OpenStream()]) {
    for (const piece of [Number.POSITIVE_INFINITY, 1, 50]) {
      const { alpha, bravo, asker, outcomes, carry } = setUp({ kind: 'state' }, stream);
      if (stream !== sealed) asker.data(new Uint8Array(0));
      carry(piece);
      t.same(outcomes, [undefined]);
      t.same(bravo.host.names(), ['bravo', 'alpha', 'charlie']);
      t.same(alpha.host.names(), ['alpha', 'charlie', 'bravo', 'alpha', 'charlie'], 'merged before it was answered');
      t.equal(alpha.end.state, 'ended');
      asker.closed();
      t.same(outcomes, [undefined], 'told once');
      const trusted = stream === sealed ? 1 : 0;
      t.same([alpha.host.trusted.length, bravo.host.trusted.length], [trusted, trusted]);
    }
  }
});

t.test('who says hello has proved nothing yet: it may be a recording', (t) => {
  const { alpha, bravo, asker, answerer, carry } = setUp({ kind: 'state' });
  answerer.data(alpha.end.take());
  t.equal(answerer.proven, false);
  asker.data(bravo.end.take());
  carry();
  t.equal(answerer.proven, true);
  t.end();
});

t.test('a state of many messages', async (t) => {
  const { alpha, bravo, outcomes, carry } = setUp({ kind: 'state' });
  const many = Array.from({ length: 1000 }, () => record('delta'));
  alpha.host.records.push(...many);
  carry();
  t.same(outcomes, [undefined]);
  t.equal(bravo.host.records.length, 1 + 2 + 1000);
  t.equal(bravo.host.merges, 1);
});

t.test('a ping is answered by the node that it is for', async (t) => {
  const { bravo, outcomes, carry } = setUp({ kind: 'ping', seq: 9, target: 'bravo' });
  carry();
  t.same(outcomes, [undefined]);
  t.equal(bravo.host.merges, 0);

  const other = setUp({ kind: 'ping', seq: 9, target: 'zulu' });
  other.carry();
  t.same(other.outcomes, [], 'nobody else answers');
  other.asker.closed('ETIMEDOUT');
  t.same(other.outcomes, ['ETIMEDOUT']);
});

t.test('an answer to another question is none', async (t) => {
  const { asker, bravo, outcomes, carry } = setUp({ kind: 'ping', seq: 9, target: 'zulu' });
  carry();
  asker.data(bravo.seal.seal(encodeStreamAck(8)));
  for (const part of encodeState('bravo', [])) asker.data(bravo.seal.seal(part));
  t.same(outcomes, []);
  asker.data(bravo.seal.seal(encodeStreamAck(9)));
  t.same(outcomes, [undefined]);
});

t.test('one stream, one answer', async (t) => {
  const { alpha, bravo, answerer, carry } = setUp({ kind: 'state' });
  carry();
  for (let i = 0; i < 3; i++) {
    for (const part of encodeState('alpha', alpha.host.records)) answerer.data(alpha.seal.seal(part));
    answerer.data(alpha.seal.seal(encodeStreamPing(i, 'bravo')));
  }
  t.equal(bravo.host.merges, 1, 'no state is merged twice');
  t.equal(bravo.end.take().length, 0, 'and nothing more is written');
});

t.test('a stream that ends early says so to who asked', async (t) => {
  const reasons: [string | undefined, Outcome][] = [
    [undefined, 'it closed the connection: has it the same key?'],
    ['ECONNRESET', 'ECONNRESET'],
  ];
  for (const [reason, outcome] of reasons) {
    const { asker, answerer, outcomes, bravo } = setUp({ kind: 'state' });
    asker.data(bravo.end.take());
    asker.closed(reason);
    answerer.closed();
    asker.closed();
    t.same(outcomes, [outcome]);
  }
});

t.test('states that are none end the stream, and nothing of them is merged', async (t) => {
  const parts = (from: string, records: NamedRecord[]) => [...encodeState(from, records)];
  const one = record('delta');
  const first = (from: string) =>
    parts(
      from,
      Array.from({ length: 500 }, () => one),
    )[0];
  const cases: Record<string, Uint8Array[]> = {
    'no message': [Buffer.from('ffff', 'hex')],
    'another version': [Buffer.from('0802', 'hex')],
    'parts of two senders': [first('alpha'), first('bravo')],
    'too many records': Array.from({ length: Math.ceil(MAX_RECORDS / 200) }, () => first('alpha')),
  };
  for (const [name, messages] of Object.entries(cases)) {
    const { alpha, bravo, answerer, carry } = setUp({ kind: 'ping', seq: 1, target: 'zulu' });
    carry();
    for (const message of messages) {
      if (bravo.end.state === 'open') answerer.data(alpha.seal.seal(message));
    }
    t.equal(bravo.end.state, 'destroyed', name);
    t.equal(bravo.host.merges, 0, name);
  }
});

t.test('whatever comes, the answerer does not throw, and keeps next to nothing', async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(chunks, fc.boolean(), fc.boolean(), (noise, greeted, framed) => {
      for (const stream of [sealed, () => new OpenStream()]) {
        const { alpha, bravo, answerer } = setUp({ kind: 'state' }, stream);
        if (greeted) answerer.data(alpha.end.take());
        for (const chunk of noise) if (bravo.end.state === 'open') answerer.data(framed ? frame(chunk) : chunk);
        answerer.closed();
        if (stream === sealed && bravo.host.merges > 0) throw new Error('a stranger’s state was merged');
      }
    }),
    { seed, numRuns: 300 },
  );
  const { bravo, answerer } = setUp({ kind: 'state' });
  answerer.data(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  t.equal(bravo.end.state, 'destroyed', 'a frame too large is not waited for');
});

t.test('a conversation that is cut or changed anywhere merges nothing', async (t) => {
  const whole = setUp({ kind: 'state' });
  const said: Uint8Array[] = [];
  for (let moved = true; moved; ) {
    const [there, back] = [whole.alpha.end.take(), whole.bravo.end.take()];
    said.push(there);
    moved = there.length + back.length > 0;
    whole.answerer.data(there);
    whole.asker.data(back);
  }
  const recorded = Buffer.concat(said);
  t.equal(whole.bravo.host.merges, 1);
  for (let at = 0; at < recorded.length; at += 7) {
    const { bravo, answerer } = setUp({ kind: 'state' });
    const changed = Uint8Array.from(recorded);
    changed[at] ^= 1;
    for (const bytes of [recorded.subarray(0, at), changed]) {
      if (bravo.end.state === 'open') answerer.data(bytes);
    }
    if (bravo.host.merges > 0) t.fail(`changed at ${at}`);
  }
});
