/**
 * What a node says of itself, and the signature under it (proto/gossip.proto: Statement, SignedStatement). The bytes
 * that were signed are kept and passed on as they are: fields that a later version adds survive a node that does not
 * know them.
 */
import {
  type Address,
  addressOf,
  familyBits,
  type Prefix,
  prefixOf,
  sameWords,
  V4_MAPPED,
  wordsOf,
} from '../address.js';
import { get32, put32 } from '../big-endian.js';
import { PodwireError } from '../error.js';
import { macIsGroup, macIsZero } from '../ethernet.js';
import { isNodeName } from '../node-name.js';
import { decodeFields, fieldSize, type SignedFields, STATEMENT } from './schema.js';

export interface Statement {
  readonly node: string;
  /** 32 bits, unsigned. */
  readonly incarnation: number;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** One, or one of each family; who knows only one address of a node takes the first. */
  readonly underlay: readonly Address[];
  /** UDP and TCP. */
  readonly gossipPort: number;
  readonly vxlanPort: number;
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** At most one a family; none while the node has no subnet. */
  readonly podCidr: readonly Prefix[];
  /** Of the claim to the subnets, 32 bits; 0: configured by hand. */
  readonly epoch: number;
  /** Ids of the ring keys that it holds, the one it seals with first; empty when insecure. */
  readonly keys: readonly number[];
  /** Bits: `FEATURE_PROBES` and so on, and ones that we do not know. */
  readonly features: number;
}

/** What travels. It is the `Card` of the membership protocol. */
export interface SignedStatement {
  readonly statement: Statement;
  /** What was signed: the statement, encoded by the node that it is about. */
  readonly bytes: Uint8Array;
  /** Ed25519, 64 bytes. Who decodes does not check it: core/identity.ts does. */
  readonly signature: Uint8Array;
  /** Bytes that it adds to a datagram as an `alive` update. */
  readonly size: number;
}

/** The node answers probes of the data path. */
export const FEATURE_PROBES = 1;
/** The node reads congestion marks on outer packets, as RFC 6040 has it. */
export const FEATURE_ECN = 2;
/** It answers padded path probes too. */
export const FEATURE_PADDED_PROBES = 4;

/** Longest statement, bytes. With a packet's overhead it fits a datagram. */
export const MAX_STATEMENT = 1024;
/** Most ring keys that a node may hold. */
export const MAX_KEYS = 16;

const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const MAC_BYTES = 6;
const NONE = new Uint8Array(0);

interface PrefixFields {
  readonly address: Uint8Array;
  readonly length: number;
}

type StatementFields = Omit<Statement, 'underlay' | 'podCidr'> & {
  readonly underlay: Uint8Array;
  readonly otherUnderlay?: Uint8Array;
  readonly podCidr: readonly PrefixFields[];
};

/**
 * The bytes of a statement, to be signed.
 * @throws PodwireError INTERNAL: a value that no node would accept
 */
export function encodeStatement(statement: Statement): Uint8Array {
  const [underlay = NONE, otherUnderlay, ...more] = statement.underlay.map(packAddress);
  const fields: StatementFields = {
    ...statement,
    underlay,
    ...(otherUnderlay && { otherUnderlay }),
    podCidr: statement.podCidr.map((prefix) => ({ address: packAddress(prefix), length: prefix.length })),
  };
  const bytes = STATEMENT.encode(fields).finish();
  if (more.length > 0 || !decodeStatement(bytes)) {
    throw new PodwireError('INTERNAL', `${statement.node} would say of itself what nobody accepts: nothing was signed`);
  }
  return bytes;
}

/**
 * Reads a statement as it came. Copies both, as the datagram's memory is used again.
 * @param bytes of the statement
 * @returns undefined if anything in it is not as proto/gossip.proto demands. Whether the signature is right is not
 *   looked at.
 */
export function decodeSigned(bytes: Uint8Array, signature: Uint8Array): SignedStatement | undefined {
  if (bytes.length > MAX_STATEMENT || signature.length !== SIGNATURE_BYTES) return undefined;
  const kept = Uint8Array.from(bytes);
  const statement = decodeStatement(kept);
  if (!statement) return undefined;
  return { statement, bytes: kept, signature: Uint8Array.from(signature), size: aliveSize(kept.length) };
}

/** Reads the field of a packet or record that holds a statement; null: there is none. */
export function readSigned(fields: SignedFields | null): SignedStatement | undefined {
  return fields ? decodeSigned(fields.statement, fields.signature) : undefined;
}

/** Bytes of SignedStatement in Update in Packet. */
function aliveSize(statementBytes: number): number {
  const signed = fieldSize(statementBytes) + fieldSize(SIGNATURE_BYTES);
  return fieldSize(fieldSize(signed));
}

function decodeStatement(bytes: Uint8Array): Statement | undefined {
  const fields = decodeFields<StatementFields>(STATEMENT, bytes);
  if (!fields) return undefined;
  const { node, incarnation, publicKey, gossipPort, vxlanPort, mac, epoch, keys, features } = fields;
  if (!isNodeName(node) || publicKey.length !== PUBLIC_KEY_BYTES) return undefined;
  if (!isPort(gossipPort) || !isPort(vxlanPort) || !isMac(mac)) return undefined;
  if (keys.length > MAX_KEYS || new Set(keys).size !== keys.length) return undefined;
  const underlay = readUnderlay(fields);
  if (!underlay) return undefined;
  const podCidr = readSubnets(fields.podCidr);
  if (!podCidr) return undefined;
  return { node, incarnation, publicKey, underlay, gossipPort, vxlanPort, mac, podCidr, epoch, keys, features };
}

/** Undefined: one is no node's address, or both are of one family. */
function readUnderlay({ underlay, otherUnderlay }: StatementFields): Address[] | undefined {
  const packed = otherUnderlay?.length ? [underlay, otherUnderlay] : [underlay];
  const addresses = packed.map(unpackAddress).filter((address) => address !== undefined);
  const families = new Set(addresses.map(({ family }) => family));
  return families.size === packed.length && addresses.every(isUnicast) ? addresses : undefined;
}

/** Undefined: one is no prefix, or two are of one family. */
function readSubnets(fields: readonly PrefixFields[]): Prefix[] | undefined {
  if (fields.length > 2) return undefined;
  const prefixes = fields.map(readPrefix).filter((prefix) => prefix !== undefined);
  const families = new Set(prefixes.map(({ family }) => family));
  return families.size === fields.length ? prefixes : undefined;
}

function readPrefix({ address: packed, length }: PrefixFields): Prefix | undefined {
  const address = unpackAddress(packed);
  if (!address || length > familyBits(address.family)) return undefined;
  const prefix = prefixOf(address, length);
  return sameWords(prefix.words, address.words) ? prefix : undefined;
}

/** 4 bytes or 16, in network order. */
function packAddress({ family, words }: Address): Uint8Array {
  const written = family === 4 ? words.slice(3) : words;
  const bytes = new Uint8Array(4 * written.length);
  written.forEach((word, i) => {
    put32(bytes, 4 * i, word);
  });
  return bytes;
}

/** Undefined for another length, and for an IPv4 address in 16 bytes: it has one spelling. */
function unpackAddress(bytes: Uint8Array): Address | undefined {
  if (bytes.length === 4) return { family: 4, words: [0, 0, V4_MAPPED, get32(bytes, 0)] };
  if (bytes.length !== 16) return undefined;
  const address = addressOf(wordsOf(bytes));
  return address.family === 6 ? address : undefined;
}

/** Whether a host can have this address and others can send to it. Loopback counts: a cluster may be one machine's. */
function isUnicast({ family, words: [a, b, c, d] }: Address): boolean {
  if (family === 4) {
    const first = d >>> 24;
    return first !== 0 && first < 224;
  }
  const linkLocal = a >>> 22 === 0xfe80_0000 >>> 22;
  return a >>> 24 !== 0xff && !linkLocal && (a | b | c | d) !== 0;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 0xffff;
}

function isMac(mac: Uint8Array): boolean {
  return mac.length === MAC_BYTES && !macIsGroup(mac, 0) && !macIsZero(mac, 0);
}
