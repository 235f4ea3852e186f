/**
 * Everything of gossip that reads what others sent: nothing throws, what is accepted can be said again, and a good session
 * goes on undisturbed.
 */
import { Keyring } from '../../src/core/keyring.js';
import { OpenStream } from '../../src/core/open-stream.js';
import { OwnSession } from '../../src/core/own-session.js';
import { SealedStream } from '../../src/core/sealed-stream.js';
import { SessionKeys } from '../../src/core/session-keys.js';
import { Sessions } from '../../src/core/sessions.js';
import { MOST_HELD_BYTES, MOST_WAITING } from '../../src/core/waiting-sessions.js';
import { decodePacket, encodePacket } from '../../src/wire/gossip/packet.js';
import { decodeSigned, encodeStatement } from '../../src/wire/gossip/statement.js';
import { decodeStream, encodeState } from '../../src/wire/gossip/stream.js';
import { ANSWER, CHALLENGE, HELLO, MESSAGE, type SealedKind, sealDatagram } from '../../src/wire/sealed.js';
import { vectors } from '../unit/wire/vectors.js';
import type { Mutator } from './mutate.js';
import { decoder, type Target } from './target.js';

type Fields = { type: 'statement' | 'packet' | 'stream' };
const samples = (type: Fields['type']) =>
  vectors<Fields>('gossip').flatMap(({ bytes, fields }) => (fields.type === type ? [bytes] : []));

/** One thing that is fuzzed: `run` takes an input and says what came of it, or throws a complaint. */
interface Subject {
  readonly name: string;
  /** Of all inputs, the share that it gets. */
  readonly share: number;
  readonly from: readonly Buffer[];
  run(input: Buffer): string;
}

export function gossipTargets(tools: Mutator): Target[] {
  const subjects: readonly Subject[] = [
    { name: 'statement', share: 0.15, from: samples('statement'), run: runStatement },
    { name: 'packet', share: 0.15, from: samples('packet'), run: runPacket },
    { name: 'stream message', share: 0.15, from: samples('stream'), run: runStreamMessage },
    sessions(tools),
    sealedStream(tools),
    openStream(tools),
  ];
  return subjects.map(({ name, share, from, run }) => decoder(name, share, from, run, tools));
}

/** What was accepted must come back the same from what we would say. */
function same(what: unknown, again: unknown): void {
  const [one, other] = [what, again].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${one} came back as ${other}`);
}

function runStatement(input: Buffer): string {
  const card = decodeSigned(input, new Uint8Array(64));
  if (!card) return 'refused';
  same(card.statement, decodeSigned(encodeStatement(card.statement), new Uint8Array(64))?.statement);
  return `${card.statement.node} ${card.statement.incarnation}`;
}

function runPacket(input: Buffer): string {
  const packet = decodePacket(input);
  if (typeof packet === 'string') return packet;
  same({ ...packet, skipped: 0 }, decodePacket(encodePacket(packet)));
  return `${packet.from} ${packet.probe?.kind} ${packet.updates.length} ${packet.skipped}`;
}

function runStreamMessage(input: Buffer): string {
  const message = decodeStream(input);
  if (typeof message === 'string' || message.kind !== 'state') return JSON.stringify(message);
  const [again] = encodeState(message.from, message.records);
  same({ ...message, last: true, skipped: 0 }, decodeStream(again));
  return `${message.from} ${message.records.length} ${message.skipped}`;
}

/**
 * Datagrams of a good session, of one that never answers, of another ring and of our own, mutated; and ones whose seal is
 * good while what is in them was mutated. In between the good session speaks, and is heard, and nobody else ever is.
 */
function sessions({ below }: Mutator): Subject {
  const ring = Keyring.of([Buffer.alloc(32, 1)]);
  const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => below(256));
  let nowMs = 1_000_000;
  const heard: string[] = [];
  let toGood: Uint8Array[] = [];
  const outputs = {
    deliver: (plain: Uint8Array) => heard.push(Buffer.from(plain).toString()),
    send: (datagram: Uint8Array, via: string) => {
      if (via === 'good') toGood.push(datagram);
    },
  };
  const receiver = new Sessions<string>(ring, randomBytes, outputs, nowMs - 60_000);
  const good = new Sessions<string>(
    ring,
    randomBytes,
    { deliver() {}, send: (datagram) => receiver.open(datagram, 'good', nowMs) },
    nowMs,
  );
  let said = 0;
  const speak = () => {
    receiver.open(good.seal(Buffer.from(`${said}`), nowMs), 'good', nowMs);
    for (const datagram of toGood) good.open(datagram, 'receiver', nowMs);
    toGood = [];
    if (heard.join() !== `${said}`) throw new Error(`the good session said ${said}, heard was ${heard.join()}`);
    heard.length = 0;
    said++;
  };
  speak();

  const text = Buffer.from('what a packet of gossip may be like: it is not looked at here');
  const silent = new OwnSession(ring, randomBytes);
  const foreign = new OwnSession(Keyring.of([Buffer.alloc(32, 2)]), randomBytes);
  const challenges = vectors<{ plain?: string; kind?: number }>('sealed').flatMap(({ fields: { plain, kind } }) =>
    plain !== undefined && (kind === CHALLENGE || kind === ANSWER) ? [Buffer.from(plain, 'hex')] : [],
  );
  const from = [
    Buffer.from(good.seal(text, nowMs)),
    Buffer.from(receiver.seal(text, nowMs)),
    silent.seal(MESSAGE, text),
    silent.seal(HELLO, text),
    foreign.seal(MESSAGE, text),
    ...vectors('sealed').map(({ bytes }) => bytes),
    ...challenges,
  ];
  // The good message itself, unchanged, is news once.
  receiver.open(from[0], 'anybody', nowMs);
  heard.length = 0;

  let inputs = 0;
  const run = (input: Buffer): string => {
    inputs++;
    nowMs += below(3);
    const ends = { ...receiver.counts };
    receiver.open(below(4) === 0 ? wellSealed(input) : input, 'anybody', nowMs);
    if (heard.length > 0) throw new Error(`heard ${heard.join()}`);
    if (inputs % 100 === 0) speak();
    const { trustedCount, waitingCount, heldBytes } = receiver;
    if (trustedCount !== 1 || waitingCount > MOST_WAITING || heldBytes > MOST_HELD_BYTES) {
      throw new Error(`${trustedCount} trusted, ${waitingCount} waiting, ${heldBytes} bytes held`);
    }
    const changed = Object.entries(receiver.counts).filter(
      ([name, count]) => count !== ends[name as keyof typeof ends],
    );
    return changed.map(([name]) => name).join();
  };

  /** Whoever has the ring can be any session but ours and the good one. */
  const strangers = Array.from({ length: 1000 }, () => randomBytes(16));
  function wellSealed(plain: Buffer): Uint8Array {
    const session = strangers[below(strangers.length)];
    const kind = (1 + below(4)) as SealedKind;
    const header = { kind, keyId: ring.first.id, session, counter: below(2 ** 30) };
    return sealDatagram(header, new SessionKeys(session).of(ring.first), plain.subarray(0, 1352));
  }

  return { name: 'sealed datagrams', share: 0.35, from, run };
}

/** Each input is what a stranger writes to a fresh stream, or a mutated frame on one that is ready. */
function sealedStream({ below, mutate }: Mutator): Subject {
  const [recorded] = vectors<{ type: string }>('sealed').filter(({ fields }) => fields.type === 'stream');
  const { ringKeys } = recorded.fields as unknown as { ringKeys: string[] };
  const ring = Keyring.of(ringKeys.map((key) => Buffer.from(key, 'hex')));
  const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => below(256));
  const [own, other] = [new OwnSession(ring, randomBytes), new OwnSession(ring, randomBytes)];
  const nothing = new Uint8Array(0);

  const run = (input: Buffer): string => {
    const stream = new SealedStream(own, randomBytes);
    let expected = 0;
    let bytes = input;
    if (below(2) === 0) {
      const peer = new SealedStream(other, randomBytes);
      const { write } = stream.receive(peer.start());
      stream.receive(peer.receive(Buffer.concat([stream.start(), write ?? nothing])).write ?? nothing);
      const sealed = Buffer.from(peer.seal(input));
      bytes = mutate(sealed);
      // Unchanged, or with more behind it, the message is whole.
      expected = bytes.subarray(0, sealed.length).equals(sealed) ? 1 : 0;
    }
    const cut = below(bytes.length + 1);
    const steps = [bytes.subarray(0, cut), bytes.subarray(cut)].map((chunk) => stream.receive(chunk));
    const messages = steps.flatMap((step) => step.messages);
    if (messages.length !== expected) throw new Error(`${messages.length} messages, not ${expected}`);
    return `${steps[1].closed} ${steps[1].ready} ${messages.length}`;
  };
  return { name: 'sealed stream', share: 0.1, from: [recorded.bytes, recorded.answer], run };
}

function openStream({ below }: Mutator): Subject {
  const [recorded] = vectors<{ type: string }>('sealed').filter(({ fields }) => fields.type === 'stream');
  const run = (input: Buffer): string => {
    const stream = new OpenStream();
    const whole = new OpenStream();
    const cut = below(input.length + 1);
    const parts = [input.subarray(0, cut), input.subarray(cut)].map((chunk) => stream.receive(chunk));
    const { messages, closed } = whole.receive(input);
    same(
      messages,
      parts.flatMap((part) => part.messages),
    );
    return `${closed} ${messages.length}`;
  };
  return { name: 'open stream', share: 0.1, from: [recorded.bytes, recorded.answer], run };
}
