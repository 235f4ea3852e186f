/** This process as its peers know it: a session id that nobody else has, the keys that come of it, and a counter. */
import { SESSION_BYTES, type SealedKind, sealDatagram } from '../wire/sealed.js';
import type { Keyring } from './keyring.js';
import { SessionKeys } from './session-keys.js';

/** Random bytes that nobody can guess. */
export type RandomBytes = (count: number) => Uint8Array;

/** Counters are noted with their time at most so often: what lies between two notes counts with the earlier. */
const NOTE_EVERY_MS = 50;

/** How far back it is known which counters were used when. */
export const REMEMBERED_MS = 2000;

interface Note {
  readonly counter: number;
  readonly atMs: number;
}

export class OwnSession {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly #keys: SessionKeys;
  #ring: Keyring;
  #next = 0;
  #notes: Note[] = [];

  constructor(ring: Keyring, randomBytes: RandomBytes) {
    this.id = Uint8Array.from(randomBytes(SESSION_BYTES));
    this.#keys = new SessionKeys(this.id);
    this.#ring = ring;
  }

  get ring(): Keyring {
    return this.#ring;
  }

  /** From now on the first key of this ring seals. Counters go on. */
  setRing(ring: Keyring): void {
    this.#ring = ring;
    this.#keys.forget();
  }

  /** Seals a datagram under the ring's first key. */
  seal(kind: SealedKind, plain: Uint8Array): Buffer {
    const { first } = this.#ring;
    const header = { kind, keyId: first.id, session: this.id, counter: this.#next++ };
    return sealDatagram(header, this.#keys.of(first), plain);
  }

  /** Notes what `counterSince` will be asked for: to be called before `seal`. */
  note(nowMs: number): void {
    const last = this.#notes.at(-1);
    if (last && nowMs - last.atMs < NOTE_EVERY_MS) return;
    this.#notes = this.#notes.filter(({ atMs }) => nowMs - atMs <= REMEMBERED_MS);
    this.#notes.push({ counter: this.#next, atMs: nowMs });
  }

  /**
   * A counter that was not used before that time, and the lowest such as far as it was noted.
   * @param ageMs counted back from `nowMs`; what is beyond `REMEMBERED_MS` counts as that
   */
  counterSince(ageMs: number, nowMs: number): number {
    const fromMs = nowMs - Math.min(ageMs, REMEMBERED_MS);
    return this.#notes.find(({ atMs }) => atMs >= fromMs)?.counter ?? this.#next;
  }
}
