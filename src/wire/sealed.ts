/**
 * A sealed datagram. It names the key of the ring and the process that sealed it, which together give the AES key; the
 * counter is the nonce. The header is authenticated and not encrypted.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+---------------+---------------+
 *  |      'p'      |      'w'      |  version = 1  |     kind      |
 *  +---------------+---------------+---------------+---------------+
 *  |                    id of the ring's key                       |
 *  +---------------------------------------------------------------+
 *  |                                                               |
 *  +                                                               +
 *  |          session of the sender: 16 bytes, drawn once          |
 *  +                      in a process's life                      +
 *  |                                                               |
 *  +                                                               +
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |      counter: 64 bits, one more in each of the session's      |
 *  +                  datagrams, of whatever kind                  +
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |             AES-256-GCM cipher text, then tag (16)            |
 *  +---------------------------------------------------------------+
 * ```
 *
 * Kinds, and what is sealed in them:
 * - 1 message: a packet of gossip.
 * - 2 challenge: the session that is challenged (16), a nonce (16), an age (4): milliseconds, not more than the challenger
 *   has lived. What was sent within them cannot have reached an earlier life of it.
 * - 3 answer: the nonce (16), the first counter that the sender used within that age (8).
 * - 4 hello: a nonce (32); on streams, not in datagrams.
 */
import { decrypt, encrypt, TAG_BYTES } from './aes-gcm.js';
import { get32, put32 } from './big-endian.js';

export const MESSAGE = 1;
export const CHALLENGE = 2;
export const ANSWER = 3;
export const HELLO = 4;
export type SealedKind = typeof MESSAGE | typeof CHALLENGE | typeof ANSWER | typeof HELLO;

export const SESSION_BYTES = 16;
/** Bytes of a challenge's nonce. */
export const NONCE_BYTES = 16;

const HEADER_BYTES = 32;
const MAGIC = 0x7077_0100;
const KEY_ID = 4;
const SESSION = 8;
const COUNTER = 24;

/** Bytes that sealing adds. */
export const SEALED_OVERHEAD = HEADER_BYTES + TAG_BYTES;
/** Most bytes of a datagram: it crosses every usual path in one piece. */
export const MAX_DATAGRAM = 1400;
/** Most bytes of what is sealed in a datagram. */
export const MAX_PLAIN = MAX_DATAGRAM - SEALED_OVERHEAD;

export interface SealedHeader {
  readonly kind: SealedKind;
  /** 32 bits, unsigned. */
  readonly keyId: number;
  /** 16 bytes; a view of the datagram where it was read. */
  readonly session: Uint8Array;
  /** 0 to 2^53 - 1. */
  readonly counter: number;
}

/** What a challenge says: nonce and age are the challenger's, the session is the challenged one's. */
export interface Challenge {
  readonly session: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ageMs: number;
}

/** What an answer says: the challenge's nonce, and the lowest counter that the challenger may believe. */
export interface Answer {
  readonly nonce: Uint8Array;
  readonly counter: number;
}

/** Reads a header; undefined if this is no sealed datagram of this version. Nothing in it is to be believed yet. */
export function readHeader(datagram: Uint8Array): SealedHeader | undefined {
  if (datagram.length < SEALED_OVERHEAD || datagram.length > MAX_DATAGRAM) return undefined;
  const kind = get32(datagram, 0) - MAGIC;
  if (kind !== MESSAGE && kind !== CHALLENGE && kind !== ANSWER && kind !== HELLO) return undefined;
  const counter = getCounter(datagram, COUNTER);
  if (counter === undefined) return undefined;
  const session = datagram.subarray(SESSION, SESSION + SESSION_BYTES);
  return { kind, keyId: get32(datagram, KEY_ID) >>> 0, session, counter };
}

/**
 * @param key the one derived from the ring's key and the session
 * @param plain at most `MAX_PLAIN` bytes
 */
export function sealDatagram(header: SealedHeader, key: Uint8Array, plain: Uint8Array): Buffer {
  const clear = Buffer.alloc(HEADER_BYTES);
  put32(clear, 0, MAGIC + header.kind);
  put32(clear, KEY_ID, header.keyId);
  clear.set(header.session, SESSION);
  putCounter(clear, COUNTER, header.counter);
  return Buffer.concat([clear, encrypt(key, header.counter, clear, plain)]);
}

/**
 * @param header as `readHeader` found it
 * @returns the plain text, in memory of its own; undefined if the datagram was not sealed under this key
 */
export function openDatagram(datagram: Uint8Array, header: SealedHeader, key: Uint8Array): Uint8Array | undefined {
  return decrypt(key, header.counter, datagram.subarray(0, HEADER_BYTES), datagram.subarray(HEADER_BYTES));
}

export function encodeChallenge({ session, nonce, ageMs }: Challenge): Uint8Array {
  const bytes = new Uint8Array(SESSION_BYTES + NONCE_BYTES + 4);
  bytes.set(session);
  bytes.set(nonce, SESSION_BYTES);
  put32(bytes, SESSION_BYTES + NONCE_BYTES, ageMs);
  return bytes;
}

/** Undefined: it is too short. A later version may say more. */
export function decodeChallenge(bytes: Uint8Array): Challenge | undefined {
  const at = SESSION_BYTES + NONCE_BYTES;
  if (bytes.length < at + 4) return undefined;
  const [session, nonce] = [bytes.subarray(0, SESSION_BYTES), bytes.subarray(SESSION_BYTES, at)];
  return { session, nonce, ageMs: get32(bytes, at) >>> 0 };
}

export function encodeAnswer({ nonce, counter }: Answer): Uint8Array {
  const bytes = new Uint8Array(NONCE_BYTES + 8);
  bytes.set(nonce);
  putCounter(bytes, NONCE_BYTES, counter);
  return bytes;
}

/** Undefined: it is too short, or its counter too large. A later version may say more. */
export function decodeAnswer(bytes: Uint8Array): Answer | undefined {
  if (bytes.length < NONCE_BYTES + 8) return undefined;
  const counter = getCounter(bytes, NONCE_BYTES);
  return counter === undefined ? undefined : { nonce: bytes.subarray(0, NONCE_BYTES), counter };
}

/** Undefined above 2^53 - 1: nobody counts so far, and numbers end there. */
function getCounter(bytes: Uint8Array, at: number): number | undefined {
  const counter = (get32(bytes, at) >>> 0) * 2 ** 32 + (get32(bytes, at + 4) >>> 0);
  return Number.isSafeInteger(counter) ? counter : undefined;
}

function putCounter(bytes: Uint8Array, at: number, counter: number): void {
  put32(bytes, at, counter / 2 ** 32);
  put32(bytes, at + 4, counter);
}
