/**
 * A datagram of gossip (proto/gossip.proto: Packet): a question or an answer, and updates that ride along. As
 * core/swim/types.ts has them, with names in place of numbers.
 */
import { PodwireError } from '../error.js';
import { isNodeName, MAX_NAME } from '../node-name.js';
import { MAX_PLAIN } from '../sealed.js';
import {
  type AnswerFields,
  decodeFields,
  fieldSize,
  numberSize,
  PACKET,
  type PingFields,
  type Refusal,
  type SignedFields,
  VERSION,
} from './schema.js';
import { readSigned, type SignedStatement } from './statement.js';

/** Sequence numbers are the asker's, 32 bits. */
export type NamedProbe =
  | { readonly kind: 'ping' | 'ping-request'; readonly seq: number; readonly target: string }
  | { readonly kind: 'ack' | 'nack'; readonly seq: number };

export type NamedUpdate =
  /** Name and incarnation are the statement's. */
  | { readonly kind: 'alive'; readonly card: SignedStatement }
  | {
      readonly kind: 'suspect' | 'dead';
      readonly node: string;
      readonly incarnation: number;
      /** The accuser. */
      readonly from: string;
    }
  | { readonly kind: 'left'; readonly node: string; readonly incarnation: number };

export interface NamedPacket {
  /** Who sent it. */
  readonly from: string;
  readonly probe?: NamedProbe;
  readonly updates: readonly NamedUpdate[];
}

export interface ReceivedPacket extends NamedPacket {
  /** Updates that were left out, being of an unknown kind or not to be accepted. */
  readonly skipped: number;
}

/** Most bytes of a packet before it is sealed. */
export const MAX_PACKET = MAX_PLAIN;

const NAME_FIELD = fieldSize(MAX_NAME);
const MOST_OF_A_NUMBER = numberSize(2 ** 32 - 1);

/** Bytes of a packet that has no updates, at most: a version, a name, and a question about another. */
export const PACKET_OVERHEAD = numberSize(VERSION) + NAME_FIELD + fieldSize(MOST_OF_A_NUMBER + NAME_FIELD);

interface AccusationFields {
  readonly node: string;
  readonly incarnation: number;
  readonly from: string;
}

type DepartureFields = Omit<AccusationFields, 'from'>;

/** `kind` names the field that is there; none if it is one that we do not know. */
interface UpdateFields {
  readonly kind?: 'alive' | 'suspect' | 'dead' | 'left';
  readonly alive: SignedFields | null;
  readonly suspect: AccusationFields | null;
  readonly dead: AccusationFields | null;
  readonly left: DepartureFields | null;
}

interface PacketFields {
  readonly version: number;
  readonly from: string;
  readonly ping: PingFields | null;
  readonly pingRequest: PingFields | null;
  readonly ack: AnswerFields | null;
  readonly nack: AnswerFields | null;
  readonly updates: readonly UpdateFields[];
}

/** Bytes that an update adds to a packet, exactly. */
export function updateSize(update: NamedUpdate): number {
  if (update.kind === 'alive') return update.card.size;
  const from = update.kind === 'left' ? 0 : fieldSize(update.from.length);
  const claim = fieldSize(update.node.length) + numberSize(update.incarnation) + from;
  return fieldSize(fieldSize(claim));
}

/**
 * @throws PodwireError INTERNAL: it has more than `MAX_PACKET` bytes
 */
export function encodePacket({ from, probe, updates }: NamedPacket): Uint8Array {
  const fields = { version: VERSION, from, ...probeFields(probe), updates: updates.map(updateFields) };
  const bytes = PACKET.encode(fields).finish();
  if (bytes.length > MAX_PACKET) {
    throw new PodwireError('INTERNAL', `a packet of ${bytes.length} bytes, ${MAX_PACKET} at most: it was not sent`);
  }
  return bytes;
}

/** Reads a packet; what cannot be accepted of its updates is left out and counted. */
export function decodePacket(bytes: Uint8Array): ReceivedPacket | Refusal {
  if (bytes.length > MAX_PACKET) return 'malformed';
  const fields = decodeFields<PacketFields>(PACKET, bytes);
  if (!fields || fields.version === 0) return 'malformed';
  if (fields.version !== VERSION) return 'other_version';
  if (!isNodeName(fields.from)) return 'malformed';
  const probe = readProbe(fields);
  if (probe === 'malformed') return 'malformed';
  const updates = fields.updates.map(readUpdate).filter((update) => update !== undefined);
  const skipped = fields.updates.length - updates.length;
  return { from: fields.from, ...(probe && { probe }), updates, skipped };
}

function probeFields(probe: NamedProbe | undefined): object {
  if (!probe) return {};
  const { kind, ...rest } = probe;
  return { [kind === 'ping-request' ? 'pingRequest' : kind]: rest };
}

function updateFields(update: NamedUpdate): object {
  if (update.kind !== 'alive') {
    const { kind, ...claim } = update;
    return { [kind]: claim };
  }
  const { bytes: statement, signature } = update.card;
  return { alive: { statement, signature } };
}

/** Undefined: it asks and answers nothing. */
function readProbe({ ping, pingRequest, ack, nack }: PacketFields): NamedProbe | undefined | 'malformed' {
  const asked = ping ?? pingRequest;
  if (asked) {
    if (!isNodeName(asked.target)) return 'malformed';
    return { kind: ping ? 'ping' : 'ping-request', seq: asked.seq, target: asked.target };
  }
  if (ack) return { kind: 'ack', seq: ack.seq };
  return nack ? { kind: 'nack', seq: nack.seq } : undefined;
}

/** Undefined: of an unknown kind, or not to be accepted. */
function readUpdate({ alive, suspect, dead, left }: UpdateFields): NamedUpdate | undefined {
  if (alive) {
    const card = readSigned(alive);
    return card && { kind: 'alive', card };
  }
  const accusation = suspect ?? dead;
  if (accusation) {
    const { node, incarnation, from } = accusation;
    if (!isNodeName(node) || !isNodeName(from)) return undefined;
    return { kind: suspect ? 'suspect' : 'dead', node, incarnation, from };
  }
  if (!left || !isNodeName(left.node)) return undefined;
  return { kind: 'left', node: left.node, incarnation: left.incarnation };
}
