/**
 * Tables for recvmmsg and sendmmsg. Row i of each belongs to message i; the pointers between them are written once, and
 * so is all that no packet changes.
 *
 * ```
 *  struct mmsghdr   0          8             16        24           32            40               48      56      64 bytes
 *                   +----------+---------+---+---------+------------+-------------+----------------+---+---+---+---+
 *                   | msg_name | namelen |   | msg_iov | msg_iovlen | msg_control | msg_controllen | f |   | l |   |
 *                   +----------+---------+---+---------+------------+-------------+----------------+---+---+---+---+
 *                        |                       |                        |          f: msg_flags   l: msg_len
 *                        v                       v                        v
 *                   socket address         struct iovec             control messages
 *                   (socket-address.ts)    base, length             struct cmsghdr   0          8       12     16
 *                                                                                    +----------+-------+------+------+
 *                                                                                    | cmsg_len | level | type | data |
 *                                                                                    +----------+-------+------+------+
 * ```
 */
import type { Libc } from './library.js';
import { Struct } from './memory.js';
import { ADDRESS_LENGTH, ADDRESS_SLOT } from './socket-address.js';

/** Messages in one system call. */
export const CHUNK = 64;

/** Bytes of a struct mmsghdr, and its words. */
export const MESSAGE = 64;
export const MESSAGE_WORDS = MESSAGE / 4;
export const NAME_LENGTH = 2;
export const CONTROL_LENGTH = 10;
export const MESSAGE_FLAGS = 12;
export const MESSAGE_LENGTH = 14;
const NAME = 0;
const VECTOR = 4;
const VECTOR_COUNT = 6;
const CONTROL = 8;

/** Words of a struct iovec. */
export const VECTOR_WORDS = 4;
export const VECTOR_LENGTH = 2;

/** Bytes of a struct cmsghdr, which data follow, padded to a multiple of 8; its words. */
export const CONTROL_HEADER = 16;
export const CONTROL_LEVEL = 2;
export const CONTROL_TYPE = 3;
export const CONTROL_DATA = 4;

export class Messages {
  readonly headers: Struct;
  readonly vectors: Struct;
  readonly addresses: Struct;
  readonly controls: Struct;
  /** Words of one message's control messages. */
  readonly controlWords: number;

  /** @param controlSize bytes of control messages each, a multiple of 8 */
  constructor(libc: Libc, controlSize: number) {
    this.headers = new Struct(libc, CHUNK * MESSAGE);
    this.vectors = new Struct(libc, CHUNK * VECTOR_WORDS * 4);
    this.addresses = new Struct(libc, CHUNK * ADDRESS_SLOT);
    this.controls = new Struct(libc, CHUNK * controlSize);
    this.controlWords = controlSize / 4;
    for (let i = 0; i < CHUNK; i++) {
      const row = i * MESSAGE_WORDS;
      this.headers.pointTo(row + NAME, this.addresses, i * ADDRESS_SLOT);
      this.headers.pointTo(row + VECTOR, this.vectors, i * VECTOR_WORDS * 4);
      this.headers.pointTo(row + CONTROL, this.controls, i * controlSize);
      this.headers.words[row + VECTOR_COUNT] = 1;
    }
  }

  /**
   * Makes messages ready to take one datagram each: what the last call wrote in them is written over.
   * @param start address of the first datagram's slot
   * @param slot bytes of each slot
   */
  receiveInto(start: number, slot: number, count: number): void {
    for (let i = 0; i < count; i++) {
      this.headers.words[i * MESSAGE_WORDS + NAME_LENGTH] = ADDRESS_LENGTH;
      this.headers.words[i * MESSAGE_WORDS + CONTROL_LENGTH] = 4 * this.controlWords;
      this.vectors.setPointer(i * VECTOR_WORDS, start + i * slot);
      this.vectors.words[i * VECTOR_WORDS + VECTOR_LENGTH] = slot;
    }
  }
}
