/**
 * A stream between two processes that share a ring. Both ends say hello, and both do so first; from the hellos come two keys,
 * one for each direction, which nobody had before: what was recorded cannot be played again, nor back.
 *
 * ```
 *   frame 0   hello: a sealed datagram (wire/sealed.ts) with a nonce of 32 bytes
 *   frame 1   nothing, sealed: the sender could derive the key, so it is the process that the other's hello names, now
 *   frame 2…  a message each, sealed
 *
 *   key of a direction = HKDF-SHA256(
 *     the ring key that the sender's hello is sealed under,
 *     salt = sender's nonce, receiver's nonce, sender's session, receiver's session)
 *   sealed = AES-256-GCM, counted from 0, the frame's header authenticated
 * ```
 */
import { decrypt, encrypt, TAG_BYTES } from '../wire/aes-gcm.js';
import { PodwireError } from '../wire/error.js';
import { FrameReader, frame, frameHeader } from '../wire/frames.js';
import { MAX_MESSAGE } from '../wire/gossip/stream.js';
import { HELLO, openDatagram, readHeader, SEALED_OVERHEAD } from '../wire/sealed.js';
import type { GossipStream, StreamPeer, StreamRefusal, StreamStep } from './channel.js';
import { deriveKey, type RingKey } from './keyring.js';
import type { OwnSession, RandomBytes } from './own-session.js';
import { SessionKeys } from './session-keys.js';

const NONCE_BYTES = 32;
const HELLO_BYTES = SEALED_OVERHEAD + NONCE_BYTES;
const PURPOSE = 'podwire stream';
const NOTHING = new Uint8Array(0);

/** One direction: its key, and how many frames were sealed under it. */
interface Direction {
  readonly key: Buffer;
  frames: number;
}

export class SealedStream implements GossipStream {
  readonly #own: OwnSession;
  /** Both of one moment, so that a change of the ring does not part them. */
  readonly #ownKey: RingKey;
  readonly #hello: Buffer;
  readonly #ownNonce: Uint8Array;
  readonly #reader = new FrameReader();
  #said: StreamPeer | undefined;
  #out: Direction | undefined;
  #in: Direction | undefined;
  #ready = false;
  #closed: StreamRefusal | undefined;

  constructor(own: OwnSession, randomBytes: RandomBytes) {
    this.#own = own;
    this.#ownKey = own.ring.first;
    this.#ownNonce = Uint8Array.from(randomBytes(NONCE_BYTES));
    this.#hello = own.seal(HELLO, this.#ownNonce);
  }

  get peer(): StreamPeer | undefined {
    return this.#ready ? this.#said : undefined;
  }

  start(): Uint8Array {
    return frame(this.#hello);
  }

  receive(chunk: Uint8Array): StreamStep {
    const messages: Uint8Array[] = [];
    const write: Uint8Array[] = [];
    if (!this.#closed) this.#reader.feed(chunk);
    while (!this.#closed) {
      const body = this.#reader.next(this.#most());
      if (body === undefined) break;
      if (body === 'too_large') this.#closed = 'too_large';
      else if (!this.#in) this.#closed = this.#greet(body, write);
      else this.#closed = this.#open(this.#in, body, messages);
    }
    return {
      messages,
      ready: this.#ready && !this.#closed,
      ...(write.length > 0 && { write: Buffer.concat(write) }),
      ...(this.#closed && { closed: this.#closed }),
    };
  }

  seal(plain: Uint8Array): Uint8Array {
    if (!this.#ready || !this.#out) throw new PodwireError('INTERNAL', 'the stream is not ready: nothing was sealed');
    if (plain.length > MAX_MESSAGE) {
      throw new PodwireError(
        'INTERNAL',
        `a message of ${plain.length} bytes, ${MAX_MESSAGE} at most: it was not sealed`,
      );
    }
    return sealFrame(this.#out, plain);
  }

  /** Bytes that the next frame may have: strangers make us keep next to nothing. */
  #most(): number {
    if (!this.#in) return HELLO_BYTES;
    return this.#ready ? MAX_MESSAGE + TAG_BYTES : TAG_BYTES;
  }

  /** Takes the peer's hello, and writes what proves ours. */
  #greet(hello: Uint8Array, write: Uint8Array[]): StreamRefusal | undefined {
    const header = readHeader(hello);
    if (header?.kind !== HELLO || hello.length !== HELLO_BYTES) return 'malformed';
    const { session, counter } = header;
    if (Buffer.from(session).equals(this.#own.id)) return 'reflected';
    const ringKey = this.#own.ring.get(header.keyId);
    if (!ringKey) return 'foreign_key';
    const nonce = openDatagram(hello, header, new SessionKeys(session).of(ringKey));
    if (!nonce) return 'forged';

    const us = [this.#ownNonce, this.#own.id] as const;
    const them = [nonce, session] as const;
    this.#said = { session, counter };
    this.#out = direction(this.#ownKey, us, them);
    this.#in = direction(ringKey, them, us);
    write.push(sealFrame(this.#out, NOTHING));
    return undefined;
  }

  #open(direction: Direction, body: Uint8Array, messages: Uint8Array[]): StreamRefusal | undefined {
    const plain = decrypt(direction.key, direction.frames, frameHeader(body.length), body);
    if (!plain) return 'forged';
    direction.frames++;
    if (this.#ready) messages.push(plain);
    this.#ready = true;
    return undefined;
  }
}

type End = readonly [nonce: Uint8Array, session: Uint8Array];

function direction(ringKey: RingKey, sender: End, receiver: End): Direction {
  const salt = Buffer.concat([sender[0], receiver[0], sender[1], receiver[1]]);
  return { key: deriveKey(ringKey, salt, PURPOSE), frames: 0 };
}

function sealFrame(direction: Direction, plain: Uint8Array): Buffer {
  const header = frameHeader(plain.length + TAG_BYTES);
  return Buffer.concat([header, encrypt(direction.key, direction.frames++, header, plain)]);
}
