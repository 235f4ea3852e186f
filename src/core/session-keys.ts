/** The AES keys of one session: one for each key of the ring, made when it is first needed. */
import { deriveKey, type RingKey } from './keyring.js';

const PURPOSE = 'podwire session';

export class SessionKeys {
  readonly #session: Uint8Array;
  readonly #keys = new Map<number, Buffer>();

  /** @param session 16 bytes, which are copied */
  constructor(session: Uint8Array) {
    this.#session = Uint8Array.from(session);
  }

  /** 32 bytes. */
  of(ringKey: RingKey): Buffer {
    const made = this.#keys.get(ringKey.id);
    if (made) return made;
    const key = deriveKey(ringKey, this.#session, PURPOSE);
    this.#keys.set(ringKey.id, key);
    return key;
  }

  /** After the ring was changed: no key outlives the one that it came from. */
  forget(): void {
    this.#keys.clear();
  }
}
