/**
 * Sessions that were challenged and have not answered, and the latest messages of each. Whoever replays old datagrams can
 * put as many here as it likes: so all of it is bounded, and the oldest gives way.
 */
import { NONCE_BYTES } from '../wire/sealed.js';
import type { RandomBytes } from './own-session.js';
import type { SessionKeys } from './session-keys.js';
import { TokenBucket } from './token-bucket.js';

/** Most sessions that wait. */
export const MOST_WAITING = 256;
/** Latest messages held of each. */
export const MOST_HELD = 8;
/** Most bytes of all messages held. */
export const MOST_HELD_BYTES = 1024 * 1024;
/** A message that was held for longer comes too late to mean anything. */
export const HELD_FOR_MS = 2000;
/** A challenge may be answered for so long. */
export const WAITS_FOR_MS = 10_000;

/** Challenges to one session a second, and at once. */
const CHALLENGES_PER_SECOND = 4;
const CHALLENGES_AT_ONCE = 2;

export interface Held<Via> {
  readonly plain: Uint8Array;
  readonly counter: number;
  readonly via: Via;
  readonly atMs: number;
}

export interface Waiting<Via> {
  readonly keys: SessionKeys;
  /** What its answer must contain: the same in all challenges to it, as any of them may be lost. */
  readonly nonce: Uint8Array;
  readonly challenges: TokenBucket;
  readonly sinceMs: number;
  held: Held<Via>[];
}

export class WaitingSessions<Via> {
  readonly #randomBytes: RandomBytes;
  /** Told how many messages are given up. */
  readonly #dropped: (count: number) => void;
  /** By session, the one that waits longest first. */
  readonly #sessions = new Map<string, Waiting<Via>>();
  #heldBytes = 0;

  constructor(randomBytes: RandomBytes, dropped: (count: number) => void) {
    this.#randomBytes = randomBytes;
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The session, if it waits, and its challenge may still be answered. */
  get(name: string, nowMs: number): Waiting<Via> | undefined {
    const waiting = this.#sessions.get(name);
    if (!waiting || nowMs - waiting.sinceMs <= WAITS_FOR_MS) return waiting;
    this.#dropped(this.#remove(name).length);
    return undefined;
  }

  /** Begins to wait for a session. */
  add(name: string, keys: SessionKeys, nowMs: number): Waiting<Via> {
    if (this.#sessions.size === MOST_WAITING) this.#giveUpOldest();
    const waiting = {
      keys,
      nonce: Uint8Array.from(this.#randomBytes(NONCE_BYTES)),
      challenges: new TokenBucket(CHALLENGES_PER_SECOND, CHALLENGES_AT_ONCE),
      sinceMs: nowMs,
      held: [],
    };
    this.#sessions.set(name, waiting);
    return waiting;
  }

  /** Holds a message of a session that waits; its oldest gives way. */
  hold(waiting: Waiting<Via>, message: Held<Via>): void {
    waiting.held.push(message);
    this.#heldBytes += message.plain.length;
    if (waiting.held.length > MOST_HELD) {
      this.#release(waiting.held.splice(0, 1));
      this.#dropped(1);
    }
    while (this.#heldBytes > MOST_HELD_BYTES) this.#giveUpOldest();
  }

  /** Ends a session's wait. Returns what it said in the last two seconds, in the order in which it came. */
  take(name: string, nowMs: number): Held<Via>[] {
    const held = this.#remove(name);
    const fresh = held.filter(({ atMs }) => nowMs - atMs <= HELD_FOR_MS);
    this.#dropped(held.length - fresh.length);
    return fresh;
  }

  forgetKeys(): void {
    for (const { keys } of this.#sessions.values()) keys.forget();
  }

  #giveUpOldest(): void {
    for (const name of this.#sessions.keys()) {
      this.#dropped(this.#remove(name).length);
      return;
    }
  }

  #remove(name: string): Held<Via>[] {
    const held = this.#sessions.get(name)?.held ?? [];
    this.#sessions.delete(name);
    this.#release(held);
    return held;
  }

  #release(held: readonly Held<Via>[]): void {
    for (const { plain } of held) this.#heldBytes -= plain.length;
  }
}
