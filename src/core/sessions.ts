/**
 * Sealed datagrams between processes that share a ring. A process is known by its session. What a session says counts
 * once it has answered a challenge: a process that has just started cannot tell a replay from news, and holds what it
 * hears until the answer is here.
 *
 * ```
 *   A                                       B
 *   |  message 7                            |   a session that B does not know: held
 *   | ------------------------------------> |
 *   |        challenge: nonce, age of B     |
 *   | <------------------------------------ |
 *   |  answer: nonce, first counter         |   counters below it may be older than B itself:
 *   |  that A used within that age          |   they count as seen
 *   | ------------------------------------> |   trusted; message 7 is delivered
 * ```
 *
 * Challenges are answered without keeping anything. Challenges and answers are all that a stranger's replays can make us
 * send, and both are limited in rate; so are the keys that its forgeries make us derive.
 */
import {
  ANSWER,
  CHALLENGE,
  decodeAnswer,
  decodeChallenge,
  encodeAnswer,
  encodeChallenge,
  MESSAGE,
  openDatagram,
  readHeader,
  type SealedHeader,
  type SealedKind,
} from '../wire/sealed.js';
import type { DatagramSessions, SessionOutputs, StreamPeer } from './channel.js';
import type { Keyring } from './keyring.js';
import { OwnSession, type RandomBytes, REMEMBERED_MS } from './own-session.js';
import { ReplayWindow } from './replay-window.js';
import { SealedStream } from './sealed-stream.js';
import { type SessionCounter, sessionCounts } from './session-counters.js';
import { SessionKeys } from './session-keys.js';
import { TokenBucket } from './token-bucket.js';
import { type Waiting, WaitingSessions } from './waiting-sessions.js';

/** Twice the members that a cluster may have: each has a session, and had another before it was restarted. */
export const MOST_TRUSTED = 2 * 16_384;
/** A session that was silent for so long is forgotten; it is challenged when it comes back. */
export const IDLE_MS = 3_600_000;

/** Answers a second, and at once. */
export const ANSWERS_PER_SECOND = 200;
export const ANSWERS_AT_ONCE = 400;
/** Challenges to all sessions a second, and at once. */
const CHALLENGES_PER_SECOND = 500;
const CHALLENGES_AT_ONCE = 1000;

/**
 * Forgeries under sessions that nobody has, a second and at once. The ring key's id stands in the clear, so anybody can make
 * us derive a session's key: some 40 µs each, seven times what it costs to receive one. Whoever holds the key costs none of
 * these, however many join at a time. While a flood uses them up, sessions become known by streams alone.
 */
export const FORGERIES_PER_SECOND = 2000;

interface Trusted {
  readonly keys: SessionKeys;
  readonly window: ReplayWindow;
  heardMs: number;
}

export class Sessions<Via> implements DatagramSessions<Via> {
  readonly counts = sessionCounts();
  readonly #own: OwnSession;
  readonly #ownName: string;
  readonly #randomBytes: RandomBytes;
  readonly #outputs: SessionOutputs<Via>;
  readonly #startedMs: number;
  /** By name, the one that was silent longest first. */
  readonly #trusted = new Map<string, Trusted>();
  readonly #waiting: WaitingSessions<Via>;
  readonly #answers = new TokenBucket(ANSWERS_PER_SECOND, ANSWERS_AT_ONCE);
  readonly #challenges = new TokenBucket(CHALLENGES_PER_SECOND, CHALLENGES_AT_ONCE);
  readonly #forgeries = new TokenBucket(FORGERIES_PER_SECOND, FORGERIES_PER_SECOND);

  /**
   * @param randomBytes of cryptographic strength; two processes that draw the same session id lose each other's messages
   * @param nowMs when this process began to receive
   */
  constructor(ring: Keyring, randomBytes: RandomBytes, outputs: SessionOutputs<Via>, nowMs: number) {
    this.#own = new OwnSession(ring, randomBytes);
    this.#ownName = nameOf(this.#own.id);
    this.#randomBytes = randomBytes;
    this.#outputs = outputs;
    this.#startedMs = nowMs;
    this.#waiting = new WaitingSessions(randomBytes, (count) => {
      this.counts.held_dropped += count;
    });
  }

  get trustedCount(): number {
    return this.#trusted.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get heldBytes(): number {
    return this.#waiting.heldBytes;
  }

  seal(plain: Uint8Array, nowMs: number): Uint8Array {
    this.#own.note(nowMs);
    return this.#seal(MESSAGE, plain);
  }

  open(datagram: Uint8Array, via: Via, nowMs: number): void {
    this.counts[this.#take(datagram, via, nowMs)]++;
  }

  trust({ session, counter }: StreamPeer, nowMs: number): void {
    const name = nameOf(session);
    if (name === this.#ownName || this.#known(name, nowMs)) return;
    this.#trust(name, new SessionKeys(session), counter, nowMs);
    this.counts.trusted++;
  }

  openStream(): SealedStream {
    return new SealedStream(this.#own, this.#randomBytes);
  }

  setRing(ring: Keyring): void {
    this.#own.setRing(ring);
    for (const { keys } of this.#trusted.values()) keys.forget();
    this.#waiting.forgetKeys();
  }

  /** Returns how the datagram ended. */
  #take(datagram: Uint8Array, via: Via, nowMs: number): SessionCounter {
    const header = readHeader(datagram);
    if (!header) return 'malformed';
    const name = nameOf(header.session);
    if (name === this.#ownName) return 'reflected';
    const ringKey = this.#own.ring.get(header.keyId);
    if (!ringKey) return 'foreign_key';

    const known = this.#keysOf(name, nowMs);
    if (!known && !this.#forgeries.has(nowMs)) return 'stranger_limited';
    // A stranger's keys are kept only with a datagram that is sealed under them.
    const keys = known ?? new SessionKeys(header.session);
    const plain = openDatagram(datagram, header, keys.of(ringKey));
    if (!plain) {
      if (!known) this.#forgeries.take(nowMs);
      return 'forged';
    }

    if (header.kind === MESSAGE) return this.#message(header, keys, plain, via, nowMs);
    if (header.kind === CHALLENGE) return this.#answer(plain, via, nowMs);
    if (header.kind === ANSWER) return this.#admit(name, plain, nowMs);
    // A stream's hello.
    return 'malformed';
  }

  #message(header: SealedHeader, keys: SessionKeys, plain: Uint8Array, via: Via, nowMs: number): SessionCounter {
    const { session, counter } = header;
    const name = nameOf(session);
    const trusted = this.#known(name, nowMs);
    if (trusted) {
      const end = this.#deliver(trusted, counter, plain, via);
      if (end === 'delivered') this.#heard(name, trusted, nowMs);
      return end;
    }
    const waiting = this.#waiting.get(name, nowMs) ?? this.#waiting.add(name, keys, nowMs);
    if (waiting.held.some((held) => held.counter === counter)) return 'replayed';
    this.#waiting.hold(waiting, { plain, counter, via, atMs: nowMs });
    this.#challenge(session, waiting, via, nowMs);
    return 'held';
  }

  #challenge(session: Uint8Array, { nonce, challenges }: Waiting<Via>, via: Via, nowMs: number): void {
    if (!challenges.take(nowMs) || !this.#challenges.take(nowMs)) {
      this.counts.challenge_limited++;
      return;
    }
    const ageMs = Math.min(Math.floor(nowMs - this.#startedMs), REMEMBERED_MS);
    this.counts.challenged++;
    this.#outputs.send(this.#seal(CHALLENGE, encodeChallenge({ session, nonce, ageMs })), via);
  }

  /** Answers a challenge, whoever sends it: that proves nothing but that we are here now. */
  #answer(plain: Uint8Array, via: Via, nowMs: number): SessionCounter {
    const challenge = decodeChallenge(plain);
    if (!challenge) return 'malformed';
    if (nameOf(challenge.session) !== this.#ownName) return 'challenge_foreign';
    if (!this.#answers.take(nowMs)) return 'answer_limited';
    const counter = this.#own.counterSince(challenge.ageMs, nowMs);
    this.#outputs.send(this.#seal(ANSWER, encodeAnswer({ nonce: challenge.nonce, counter })), via);
    return 'answered';
  }

  /** Takes the answer to a challenge of ours. */
  #admit(name: string, plain: Uint8Array, nowMs: number): SessionCounter {
    const answer = decodeAnswer(plain);
    if (!answer) return 'malformed';
    const waiting = this.#waiting.get(name, nowMs);
    if (!waiting || !Buffer.from(waiting.nonce).equals(answer.nonce)) return 'answer_unasked';
    this.#trust(name, waiting.keys, answer.counter, nowMs);
    return 'trusted';
  }

  #trust(name: string, keys: SessionKeys, floor: number, nowMs: number): void {
    const trusted = { keys, window: new ReplayWindow(floor), heardMs: nowMs };
    const held = this.#waiting.take(name, nowMs);
    this.#trusted.set(name, trusted);
    this.#forget(nowMs);
    for (const { plain, counter, via } of held) this.counts[this.#deliver(trusted, counter, plain, via)]++;
  }

  #deliver({ window }: Trusted, counter: number, plain: Uint8Array, via: Via): SessionCounter {
    if (!window.accept(counter)) return 'replayed';
    this.#outputs.deliver(plain, via);
    return 'delivered';
  }

  /** A trusted session, unless it was silent for too long. */
  #known(name: string, nowMs: number): Trusted | undefined {
    const trusted = this.#trusted.get(name);
    if (!trusted || nowMs - trusted.heardMs <= IDLE_MS) return trusted;
    this.#trusted.delete(name);
    this.counts.forgotten++;
    return undefined;
  }

  /** Makes it the last to be forgotten. */
  #heard(name: string, trusted: Trusted, nowMs: number): void {
    trusted.heardMs = nowMs;
    this.#trusted.delete(name);
    this.#trusted.set(name, trusted);
  }

  /**
   * What a session said before it was forgotten cannot be replayed after: it is older than the age of any challenge, so
   * below the counter that the session answers with.
   */
  #forget(nowMs: number): void {
    for (const [name, { heardMs }] of this.#trusted) {
      if (this.#trusted.size <= MOST_TRUSTED && nowMs - heardMs <= IDLE_MS) return;
      this.#trusted.delete(name);
      this.counts.forgotten++;
    }
  }

  #keysOf(name: string, nowMs: number): SessionKeys | undefined {
    return (this.#trusted.get(name) ?? this.#waiting.get(name, nowMs))?.keys;
  }

  #seal(kind: SealedKind, plain: Uint8Array): Uint8Array {
    this.counts.sealed++;
    return this.#own.seal(kind, plain);
  }
}

/** A session id as a key of maps. */
function nameOf(session: Uint8Array): string {
  return Buffer.from(session).toString('latin1');
}
