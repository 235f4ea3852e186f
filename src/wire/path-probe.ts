/**
 * Path probe: a request and its reply that go where data frames go, inside VXLAN, so that an answer proves that the
 * peer's VXLAN port is open and that a holder of the key is behind it. Ours alone: the ethertype is Local Experimental
 * EtherType 1 of IEEE Std 802, and other VTEPs drop it.
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------------------------------------------------------+
 *  |  Ethernet: destination 6, source 6, ethertype 0x88B5          |
 *  +---------------+---------------+-------------------------------+
 *  |    version    |     kind      |           length              |   kind: 1 request, 2 reply, 3 filler
 *  +---------------+---------------+-------------------------------+
 *  |                           sequence                            |   the asker's
 *  +---------------------------------------------------------------+
 *  |                        sender's id, 8                         |   of this frame's sender, and of whom it is for
 *  +---------------------------------------------------------------+
 *  |                        target's id, 8                         |
 *  +---------------------------------------------------------------+
 *  |                         timestamp, 8                          |   the asker's, returned unread
 *  +---------------------------------------------------------------+
 *  |                            MAC, 16                            |
 *  +---------------------------------------------------------------+
 *  |              padding, any bytes (version 2 alone)             |
 *  +---------------------------------------------------------------+
 * ```
 *
 * Version 1 has no padding, and 0 for its length. Version 2 is a request that is padded to `length` bytes from the
 * Ethernet header on, to find out whether the path takes as much; the MAC covers the length, the receiver compares it
 * with the frame's and lets go of the padding. It is answered with a reply of version 1: never more than was asked with.
 * A filler is padded likewise, has no MAC, and means nothing to anybody; it only draws ICMP "too big".
 *
 * An id is the first 8 bytes of SHA-256 of the node's name in UTF-8. The MAC is HMAC-SHA-256 (RFC 2104), its first 16
 * bytes, over all that stands before it, the Ethernet header included. A reply repeats sequence and timestamp; sender and
 * target change places.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { get16, get32, put16, put32 } from './big-endian.js';
import { ETHERNET_HEADER, ETHERNET_TYPE } from './ethernet.js';
import { ENCAPSULATION, ENCAPSULATION_ETHERTYPE, VXLAN_HEADER } from './vxlan.js';

export const ETHERTYPE_PATH_PROBE = 0x88b5;

const VERSION = 1;
const PADDED = 2;
const REQUEST = 1;
const REPLY = 2;
const FILLER = 3;

/** Offsets behind the Ethernet header. */
const KIND = 1;
const PROBE_LENGTH = 2;
const SEQUENCE = 4;
const SENDER = 8;
const TARGET = 16;
const TIMESTAMP = 24;
const MAC = 32;
const MAC_LENGTH = 16;

/** Bytes from the Ethernet header on, without padding: no probe is shorter. */
export const PATH_PROBE_FRAME = ETHERNET_HEADER + MAC + MAC_LENGTH;

export interface PathProbe {
  readonly kind: 'request' | 'reply';
  /** 32 bits, unsigned. */
  readonly sequence: number;
  /** `pathProbeId` of the node that sends this frame, and of the one it is for. */
  readonly sender: bigint;
  readonly target: bigint;
  /** 64 bits, unsigned; only the asker knows what they mean. */
  readonly timestamp: bigint;
  /** A request's bytes with its padding, from the Ethernet header on, more than `PATH_PROBE_FRAME`; absent: no padding. */
  readonly length?: number;
}

/** The id of a node's name: 64 bits, unsigned. */
export function pathProbeId(node: string): bigint {
  return createHash('sha256').update(node, 'utf8').digest().readBigUInt64BE(0);
}

/**
 * A whole VXLAN frame, ready to be a UDP payload.
 * @param prefix VXLAN and Ethernet headers to the peer, as `encapsulationPrefix` (vxlan.ts) makes them
 * @param key 32 bytes
 */
export function encodePathProbe(probe: PathProbe, prefix: Uint8Array, key: Uint8Array): Buffer {
  const bytes = begin(prefix, probe.kind === 'request' ? REQUEST : REPLY, probe.length);
  put32(bytes, ENCAPSULATION + SEQUENCE, probe.sequence);
  bytes.writeBigUInt64BE(probe.sender, ENCAPSULATION + SENDER);
  bytes.writeBigUInt64BE(probe.target, ENCAPSULATION + TARGET);
  bytes.writeBigUInt64BE(probe.timestamp, ENCAPSULATION + TIMESTAMP);
  bytes.set(authenticator(bytes.subarray(VXLAN_HEADER), key), ENCAPSULATION + MAC);
  return bytes;
}

/** A filler of `length` bytes from the Ethernet header on, more than `PATH_PROBE_FRAME`, as a whole VXLAN frame. */
export function encodeFiller(prefix: Uint8Array, length: number): Buffer {
  return begin(prefix, FILLER, length);
}

/** Headers, version, kind and length, and as many zeros as follow. */
function begin(prefix: Uint8Array, kind: number, length: number | undefined): Buffer {
  const bytes = Buffer.alloc(VXLAN_HEADER + (length ?? PATH_PROBE_FRAME));
  bytes.set(prefix);
  put16(bytes, ENCAPSULATION_ETHERTYPE, ETHERTYPE_PATH_PROBE);
  bytes[ENCAPSULATION] = length === undefined ? VERSION : PADDED;
  bytes[ENCAPSULATION + KIND] = kind;
  put16(bytes, ENCAPSULATION + PROBE_LENGTH, length ?? 0);
  return bytes;
}

/**
 * Whether a frame that arrived, of `length` bytes from its Ethernet header at `at` on, is as long as it says: what follows
 * its first `PATH_PROBE_FRAME` bytes is padding.
 */
export function pathProbeIsWhole(bytes: Uint8Array, at: number, length: number): boolean {
  if (length <= PATH_PROBE_FRAME) return length === PATH_PROBE_FRAME && bytes[at + ETHERNET_HEADER] !== PADDED;
  return bytes[at + ETHERNET_HEADER] === PADDED && get16(bytes, at + ETHERNET_HEADER + PROBE_LENGTH) === length;
}

/**
 * Reads a frame from its Ethernet header on, without its padding; undefined if it is no probe of these versions. The MAC
 * is not looked at, nor is the length compared with anything (`pathProbeIsWhole`).
 */
export function decodePathProbe(frame: Uint8Array): PathProbe | undefined {
  if (frame.length !== PATH_PROBE_FRAME || get16(frame, ETHERNET_TYPE) !== ETHERTYPE_PATH_PROBE) return undefined;
  const version = frame[ETHERNET_HEADER];
  const kind = frame[ETHERNET_HEADER + KIND];
  const length = get16(frame, ETHERNET_HEADER + PROBE_LENGTH);
  if (
    version === PADDED
      ? kind !== REQUEST || length <= PATH_PROBE_FRAME
      : version !== VERSION || (kind !== REQUEST && kind !== REPLY)
  ) {
    return undefined;
  }
  const view = new DataView(frame.buffer, frame.byteOffset + ETHERNET_HEADER);
  return {
    ...(version === PADDED && { length }),
    kind: kind === REQUEST ? 'request' : 'reply',
    sequence: get32(frame, ETHERNET_HEADER + SEQUENCE) >>> 0,
    sender: view.getBigUint64(SENDER),
    target: view.getBigUint64(TARGET),
    timestamp: view.getBigUint64(TIMESTAMP),
  };
}

/** Whether a frame that `decodePathProbe` could read was made under one of these keys, in constant time for each. */
export function verifyPathProbe(frame: Uint8Array, keys: readonly Uint8Array[]): boolean {
  const mac = frame.subarray(ETHERNET_HEADER + MAC, PATH_PROBE_FRAME);
  return keys.some((key) => timingSafeEqual(authenticator(frame, key), mac));
}

/** The MAC of a frame, given from its Ethernet header on. */
function authenticator(frame: Uint8Array, key: Uint8Array): Buffer {
  const covered = frame.subarray(0, ETHERNET_HEADER + MAC);
  return createHmac('sha256', key).update(covered).digest().subarray(0, MAC_LENGTH);
}
