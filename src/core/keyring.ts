/**
 * The keys that admit to a cluster's gossip: a ring of up to 16. The first seals, all open, so that a cluster changes its
 * key without a break: add the new one everywhere, use it everywhere, remove the old one everywhere.
 *
 * As text, one key a line: base64 of 32 bytes.
 */
import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { get32 } from '../wire/big-endian.js';
import { PodwireError } from '../wire/error.js';
import { MAX_KEYS } from '../wire/gossip/statement.js';

export const KEY_BYTES = 32;

export interface RingKey {
  /** Says which key is meant without telling it: the first four bytes of its SHA-256, big-endian, unsigned. */
  readonly id: number;
  /** The key in an object that no log and no JSON shows. */
  readonly secret: KeyObject;
}

/** Never changed: `add`, `use` and `remove` return another ring. */
export class Keyring {
  /** At least one. The first seals. */
  readonly keys: readonly RingKey[];

  private constructor(keys: readonly RingKey[]) {
    this.keys = keys;
  }

  /**
   * @param keys 32 bytes each, the one that seals first
   * @throws PodwireError CONFIG: none, too many, or one twice
   */
  static of(keys: readonly Uint8Array[]): Keyring {
    if (keys.length === 0) throw refusal('a keyring needs a key');
    const [first, ...others] = keys.map(ringKey);
    return others.reduce((ring, key) => ring.#with(key), new Keyring([first]));
  }

  /** The key that seals. */
  get first(): RingKey {
    return this.keys[0];
  }

  /** Ids of all keys, the one that seals first: what a node tells of its ring. */
  get ids(): readonly number[] {
    return this.keys.map(({ id }) => id);
  }

  get(id: number): RingKey | undefined {
    return this.keys.find((key) => key.id === id);
  }

  /**
   * The ring with one more key at its end, which opens and does not seal.
   * @param key 32 bytes
   * @throws PodwireError CONFIG: it is there already, or the ring is full
   */
  add(key: Uint8Array): Keyring {
    return this.#with(ringKey(key));
  }

  /**
   * The ring with another key as the one that seals.
   * @throws PodwireError CONFIG: there is no such key
   */
  use(id: number): Keyring {
    const key = this.#known(id);
    return new Keyring([key, ...this.keys.filter((other) => other !== key)]);
  }

  /**
   * The ring without a key.
   * @throws PodwireError CONFIG: there is no such key, or it is the one that seals
   */
  remove(id: number): Keyring {
    const key = this.#known(id);
    if (key === this.first) throw refusal(`key ${formatKeyId(id)} is the one that seals: use another first`);
    return new Keyring(this.keys.filter((other) => other !== key));
  }

  #with(key: RingKey): Keyring {
    if (this.get(key.id)) throw refusal(`key ${formatKeyId(key.id)} is in the keyring already`);
    if (this.keys.length === MAX_KEYS) throw refusal(`the keyring holds ${MAX_KEYS} keys already: remove one first`);
    return new Keyring([...this.keys, key]);
  }

  #known(id: number): RingKey {
    const key = this.get(id);
    if (!key) throw refusal(`there is no key ${formatKeyId(id)} in the keyring`);
    return key;
  }
}

/**
 * Reads a ring's text. Empty lines are skipped.
 * @param source what the text is called in errors, such as its file
 * @throws PodwireError CONFIG naming the line that is wrong, never what it holds
 */
export function parseKeyring(text: string, source: string): Keyring {
  const seen = new Map<number, number>();
  const keys = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const at = `${source}:${index + 1}`;
    const key = parseKey(line.trim());
    if (!key) throw new PodwireError('CONFIG', `${at}: is not a key: a line is base64 of 32 bytes, 44 characters`);
    const before = seen.get(keyId(key));
    if (before !== undefined) throw new PodwireError('CONFIG', `${at}: is the same key as line ${before}`);
    seen.set(keyId(key), index + 1);
    return [key];
  });
  if (keys.length === 0) throw new PodwireError('CONFIG', `${source}: holds no key: 'podwire key new' prints one`);
  if (keys.length > MAX_KEYS) {
    throw new PodwireError('CONFIG', `${source}: holds ${keys.length} keys: ${MAX_KEYS} at most`);
  }
  return Keyring.of(keys);
}

/** The text that `parseKeyring` reads: a secret. */
export function formatKeyring(ring: Keyring): string {
  return ring.keys.map(({ secret }) => `${formatKey(secret.export())}\n`).join('');
}

/** Reads a key: base64 of 32 bytes, padded (RFC 4648 §4); undefined if it is none. */
export function parseKey(text: string): Uint8Array | undefined {
  const key = Buffer.from(text, 'base64');
  // The decoder skips what is no base64: what it took must be all there was.
  return key.length === KEY_BYTES && key.toString('base64') === text ? Uint8Array.from(key) : undefined;
}

/** Writes a key: a secret. */
export function formatKey(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}

/** A key's id: 32 bits, unsigned. It is no secret. */
export function keyId(key: Uint8Array): number {
  return get32(createHash('sha256').update(key).digest(), 0) >>> 0;
}

/** Writes an id as people see it: eight hexadecimal digits. */
export function formatKeyId(id: number): string {
  return id.toString(16).padStart(8, '0');
}

/** Reads an id as people write it; undefined if it is none. */
export function parseKeyId(text: string): number | undefined {
  return /^[0-9a-f]{8}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
}

/**
 * A key for one purpose, made from a ring key (HKDF with SHA-256, RFC 5869).
 * @param salt what makes it unlike any other key of this purpose
 * @param purpose no two uses of a ring key have the same
 * @returns 32 bytes
 */
export function deriveKey(ringKey: RingKey, salt: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', ringKey.secret, salt, purpose, KEY_BYTES));
}

function ringKey(key: Uint8Array): RingKey {
  if (key.length !== KEY_BYTES) throw refusal(`a key has ${KEY_BYTES} bytes, not ${key.length}`);
  return { id: keyId(key), secret: createSecretKey(key) };
}

function refusal(what: string): PodwireError {
  return new PodwireError('CONFIG', `${what}; nothing was changed`);
}
