/**
 * The beginning of a measurement's datagrams; what follows is zeros. Pure.
 *
 * ```
 *  byte 0        8      12         16
 *      +---------+------+----------+
 *      |  token  |  id  | sequence |     big-endian
 *      +---------+------+----------+
 * ```
 *
 * The token is the one that the server gave to the client, the id that of the test: what somebody else sends, or what is
 * left of an earlier test, is neither counted nor sent back.
 */
import { get32, put32 } from '../wire/big-endian.js';
import { TOKEN_BYTES } from './messages.js';

const ID = TOKEN_BYTES;
const SEQUENCE = ID + 4;
export const HEADER = SEQUENCE + 4;

export class DatagramHeader {
  readonly #first: number;
  readonly #second: number;
  readonly #id: number;

  /** @param token 16 hexadecimal digits */
  constructor(token: string, id: number) {
    const bytes = Buffer.from(token, 'hex');
    this.#first = get32(bytes, 0);
    this.#second = get32(bytes, 4);
    this.#id = id;
  }

  write(bytes: Uint8Array, at: number, sequence: number): void {
    put32(bytes, at, this.#first);
    put32(bytes, at + 4, this.#second);
    put32(bytes, at + ID, this.#id);
    put32(bytes, at + SEQUENCE, sequence);
  }

  /** @returns the sequence number; -1: it is none of this test's */
  read(bytes: Uint8Array, at: number, length: number): number {
    if (length < HEADER || get32(bytes, at) !== this.#first || get32(bytes, at + 4) !== this.#second) return -1;
    return get32(bytes, at + ID) === this.#id ? get32(bytes, at + SEQUENCE) >>> 0 : -1;
  }
}
