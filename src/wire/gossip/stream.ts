/**
 * What goes over a stream (proto/gossip.proto: StreamMessage): full states, for push/pull, and pings over TCP. One
 * message a frame; how frames are sealed and told apart is in core/sealed-stream.ts.
 */
import { isNodeName } from '../node-name.js';
import {
  type AnswerFields,
  decodeFields,
  type PingFields,
  type Refusal,
  type SignedFields,
  STREAM_MESSAGE,
  VERSION,
} from './schema.js';
import { readSigned, type SignedStatement } from './statement.js';

/** A member as a state carries it; its name is the statement's. */
export interface NamedRecord {
  readonly card: SignedStatement;
  /** `MemberState` of core/swim/types.ts: alive, suspect, dead, left. */
  readonly state: 0 | 1 | 2 | 3;
  /** Of that state: the statement's if it is alive, else not below it. */
  readonly incarnation: number;
  /** How long it has been in that state, ms. */
  readonly ageMs: number;
}

/** A part of a node's state. */
export interface StatePart {
  readonly kind: 'state';
  readonly from: string;
  readonly records: readonly NamedRecord[];
  readonly last: boolean;
  /** Records that were left out, being in an unknown state or not to be accepted. */
  readonly skipped: number;
}

export type StreamMessage =
  | StatePart
  | { readonly kind: 'ping'; readonly seq: number; readonly target: string }
  | { readonly kind: 'ack'; readonly seq: number }
  /** Of a later version: to be ignored. */
  | { readonly kind: 'unknown' };

/** Most bytes of one message. */
export const MAX_MESSAGE = 65_536;
/** Most records of a state, in all of its parts. */
export const MAX_RECORDS = 16_384;

/** Bytes of a message besides its records, and of a record besides its statement, rounded up. */
const MESSAGE_OVERHEAD = 128;
const RECORD_OVERHEAD = 32;

const MAX_AGE_MS = 2 ** 32 - 1;

interface RecordFields {
  readonly statement: SignedFields | null;
  readonly state: number;
  readonly incarnation: number;
  readonly ageMs: number;
}

interface StateFields {
  readonly from: string;
  readonly records: readonly RecordFields[];
  readonly last: boolean;
}

interface MessageFields {
  readonly version: number;
  readonly state: StateFields | null;
  readonly ping: PingFields | null;
  readonly ack: AnswerFields | null;
}

/**
 * The messages of a node's state, one after the other, so that none need wait for all.
 * @param records what is behind the first `MAX_RECORDS` is left out
 */
export function* encodeState(from: string, records: Iterable<NamedRecord>): Generator<Uint8Array, void> {
  let part: NamedRecord[] = [];
  let size = MESSAGE_OVERHEAD;
  let count = 0;
  for (const record of records) {
    if (count++ === MAX_RECORDS) break;
    const added = record.card.size + RECORD_OVERHEAD;
    if (size + added > MAX_MESSAGE) {
      yield encodePart(from, part, false);
      part = [];
      size = MESSAGE_OVERHEAD;
    }
    part.push(record);
    size += added;
  }
  yield encodePart(from, part, true);
}

export function encodeStreamPing(seq: number, target: string): Uint8Array {
  return encodeMessage({ ping: { seq, target } });
}

export function encodeStreamAck(seq: number): Uint8Array {
  return encodeMessage({ ack: { seq } });
}

/** Reads a message; what cannot be accepted of its records is left out and counted. */
export function decodeStream(bytes: Uint8Array): StreamMessage | Refusal {
  if (bytes.length > MAX_MESSAGE) return 'malformed';
  const fields = decodeFields<MessageFields>(STREAM_MESSAGE, bytes);
  if (!fields || fields.version === 0) return 'malformed';
  if (fields.version !== VERSION) return 'other_version';
  const { state, ping, ack } = fields;
  if (state) return readState(state);
  if (ping) return isNodeName(ping.target) ? { kind: 'ping', seq: ping.seq, target: ping.target } : 'malformed';
  return ack ? { kind: 'ack', seq: ack.seq } : { kind: 'unknown' };
}

/** Puts the parts of one node's state together. */
export class StateParts {
  readonly #records: NamedRecord[] = [];
  #from: string | undefined;
  #received = 0;
  #skipped = 0;

  /**
   * @returns the whole state with the last part, undefined before; or why this cannot be one state: parts of two nodes,
   *   or too many records
   */
  add(part: StatePart): StatePart | undefined | 'two_senders' | 'too_many' {
    this.#from ??= part.from;
    if (part.from !== this.#from) return 'two_senders';
    this.#received += part.records.length + part.skipped;
    if (this.#received > MAX_RECORDS) return 'too_many';
    for (const record of part.records) this.#records.push(record);
    this.#skipped += part.skipped;
    return part.last ? { ...part, records: this.#records, skipped: this.#skipped } : undefined;
  }
}

function encodePart(from: string, part: readonly NamedRecord[], last: boolean): Uint8Array {
  const records = part.map(({ card, state, incarnation, ageMs }) => ({
    statement: { statement: card.bytes, signature: card.signature },
    state,
    incarnation,
    ageMs: Math.min(Math.round(ageMs), MAX_AGE_MS),
  }));
  return encodeMessage({ state: { from, records, last } });
}

function encodeMessage(kind: object): Uint8Array {
  return STREAM_MESSAGE.encode({ version: VERSION, ...kind }).finish();
}

function readState({ from, records: fields, last }: StateFields): StatePart | 'malformed' {
  if (!isNodeName(from)) return 'malformed';
  const records = fields.map(readRecord).filter((record) => record !== undefined);
  return { kind: 'state', from, records, last, skipped: fields.length - records.length };
}

/** Undefined: in an unknown state, or not to be accepted. */
function readRecord({ statement, state, incarnation, ageMs }: RecordFields): NamedRecord | undefined {
  if (state !== 0 && state !== 1 && state !== 2 && state !== 3) return undefined;
  const card = readSigned(statement);
  if (!card || !isOwnWord(card.statement.incarnation, state, incarnation)) return undefined;
  return { card, state, incarnation, ageMs };
}

/** A node is alive in the incarnation that it signed; others may have accused it in a later one. */
function isOwnWord(signed: number, state: number, incarnation: number): boolean {
  return state === 0 ? incarnation === signed : incarnation >= signed;
}
