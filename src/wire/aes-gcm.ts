/**
 * AES-256-GCM (NIST SP 800-38D) under keys that one sender uses alone, so that nonces can be counted instead of drawn: 96
 * bits, big-endian, the upper 43 of them zero. A key must never see one counter twice.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { put32 } from './big-endian.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/**
 * @param key 32 bytes
 * @param counter a whole number from 0 to 2^53 - 1
 * @param clear what is authenticated beside the plain text, and travels in the clear
 * @returns cipher text and tag
 */
export function encrypt(key: Uint8Array, counter: number, clear: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonceOf(counter), { authTagLength: TAG_BYTES }).setAAD(clear);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * @param sealed cipher text and tag
 * @returns the plain text in memory of its own; undefined if anything is not as `encrypt` was given and gave it
 */
export function decrypt(
  key: Uint8Array,
  counter: number,
  clear: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonceOf(counter), { authTagLength: TAG_BYTES }).setAAD(clear);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    // The only thing that can be wrong here is the tag.
    return undefined;
  }
  return plain;
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  put32(nonce, 4, counter / 2 ** 32);
  put32(nonce, 8, counter);
  return nonce;
}
