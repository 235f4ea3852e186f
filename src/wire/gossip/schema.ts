/**
 * The messages of proto/gossip.proto as protobufjs reads and writes them. What a field means is said there; what it may
 * hold is checked by statement.ts, packet.ts and stream.ts.
 */
import protobuf, { type Type } from 'protobufjs/light.js';
import { DESCRIPTOR } from './descriptor.js';

const root = protobuf.Root.fromJSON(DESCRIPTOR);
const messageType = (name: string) => root.lookupType(`podwire.gossip.${name}`);

export const STATEMENT = messageType('Statement');
export const PACKET = messageType('Packet');
export const STREAM_MESSAGE = messageType('StreamMessage');

/** The major version that we write, and the only one that we read. */
export const VERSION = 1;

/** Why a message as a whole is not read: it is none, or one of another major version. */
export type Refusal = 'malformed' | 'other_version';

/** Fields as the decoder leaves them: zero, empty or null where the sender wrote none. */
export interface SignedFields {
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

export interface PingFields {
  readonly seq: number;
  readonly target: string;
}

export interface AnswerFields {
  readonly seq: number;
}

/**
 * Decodes a message; undefined if it is none. Fields of bytes are views of `bytes`.
 * @typeParam Fields what proto/gossip.proto says of `type`
 */
export function decodeFields<Fields>(type: Type, bytes: Uint8Array): Fields | undefined {
  try {
    return type.decode(bytes) as unknown as Fields;
  } catch {
    // The reader throws for what is no protobuf message, and for nothing else.
    return undefined;
  }
}

/** Bytes of a field that holds `length` bytes: its tag (of a field number below 16), their count, they themselves. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Bytes of a field that holds a number; zero is not written. */
export function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Bytes of a varint of up to 32 bits: seven bits a byte. */
function varintSize(value: number): number {
  return value < 2 ** 7 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5;
}
