/**
 * Segmentation: a TCP or UDP superpacket is cut into the frames that a sender without offloads would have sent
 * (as Linux does: FIN and PSH on the last, CWR on the first, IPv4 identification counting up). The C twin is
 * native/split.c.
 *
 * ```
 *  packet  | headers | payload                                   |
 *  frames  | prefix | headers | payload 0 | prefix | headers | payload 1 | ... the last may be shorter
 * ```
 */
import { get16, get32, put16, put32 } from '../wire/big-endian.js';
import { TCP, UDP } from '../wire/ip.js';
import { IPV4_CHECKSUM, IPV4_HEADER, IPV4_ID, IPV4_SOURCE, IPV4_TOTAL_LENGTH } from '../wire/ipv4.js';
import { IPV6_HEADER, IPV6_PAYLOAD_LENGTH } from '../wire/ipv6.js';
import { TCP_CHECKSUM, TCP_CWR, TCP_FIN, TCP_FLAGS, TCP_HEADER, TCP_PSH, TCP_SEQUENCE } from '../wire/tcp.js';
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH } from '../wire/udp.js';
import { addressSum, checkRange, fold, partialSum } from './checksum.js';

/** `ByteWork.split`. */
export function split(
  bytes: Uint8Array,
  offset: number,
  length: number,
  transport: number,
  headers: number,
  udp: boolean,
  segment: number,
  prefixOffset: number,
  prefixLength: number,
  target: number,
  limit: number,
): number {
  checkRange(bytes, offset, length);
  checkRange(bytes, prefixOffset, prefixLength);
  if (target >>> 0 !== target || limit >>> 0 !== limit || target > limit || limit > bytes.length) {
    throw new RangeError(`target ${target} and limit ${limit} do not lie in order within ${bytes.length} bytes`);
  }
  if (segment >>> 0 !== segment || segment < 1 || segment > 0xffff) {
    throw new RangeError(`segment: 1 to 65535 is wanted, not ${segment}`);
  }
  const version = length > 0 ? bytes[offset] >> 4 : 0;
  const ipHeader = version === 4 ? IPV4_HEADER : IPV6_HEADER;
  if (
    (version !== 4 && version !== 6) ||
    transport >>> 0 !== transport ||
    headers >>> 0 !== headers ||
    transport < ipHeader ||
    headers < transport + (udp ? UDP_HEADER : TCP_HEADER) ||
    headers > length ||
    ((transport | headers) & 3) !== 0
  ) {
    throw new RangeError(`no ${udp ? 'UDP' : 'TCP'} packet of ${length} bytes has its payload at ${headers}`);
  }
  const payload = length - headers;
  const largest = headers + Math.min(segment, payload) - (version === 6 ? IPV6_HEADER : 0);
  if (largest > 0xffff) throw new RangeError(`a frame of ${largest} bytes does not fit an IP length field`);

  const frames = Math.max(1, Math.ceil(payload / segment));
  const total = payload + frames * (prefixLength + headers);
  if (total > limit - target) return 0;
  if (overlap(target, total, offset, length) || overlap(target, total, prefixOffset, prefixLength)) {
    throw new RangeError('the frames would overwrite what they are made of');
  }

  // What the checksums of all frames have in common is summed once.
  const packetTransport = offset + transport;
  const ipSum = version === 4 ? fixedIpv4Sum(bytes, offset, transport) : 0;
  const transportSum = udp
    ? fixedUdpSum(bytes, offset, version, packetTransport, headers - transport)
    : fixedTcpSum(bytes, offset, version, packetTransport, headers - transport);
  const identification = get16(bytes, offset + IPV4_ID);
  const sequence = get32(bytes, packetTransport + TCP_SEQUENCE);
  const flags = bytes[packetTransport + TCP_FLAGS];

  let at = target;
  for (let done = 0, i = 0; i < frames; done += segment, i++) {
    const data = Math.min(segment, payload - done);
    bytes.copyWithin(at, prefixOffset, prefixOffset + prefixLength);
    at += prefixLength;
    bytes.copyWithin(at, offset, offset + headers);
    bytes.copyWithin(at + headers, offset + headers + done, offset + headers + done + data);

    const ipLength = headers + data;
    if (version === 4) {
      const id = (identification + i) & 0xffff;
      put16(bytes, at + IPV4_TOTAL_LENGTH, ipLength);
      put16(bytes, at + IPV4_ID, id);
      put16(bytes, at + IPV4_CHECKSUM, ~fold(ipSum + ipLength + id));
    } else {
      put16(bytes, at + IPV6_PAYLOAD_LENGTH, ipLength - IPV6_HEADER);
    }

    const header = at + transport;
    const transportLength = ipLength - transport;
    let sum = transportSum + transportLength + partialSum(bytes, at + headers, data);
    if (udp) {
      put16(bytes, header + UDP_LENGTH, transportLength);
      // Its length counts twice: in the header and in the pseudo-header. A sum of 0 would mean "none" (RFC 768).
      put16(bytes, header + UDP_CHECKSUM, ~fold(sum + transportLength) & 0xffff || 0xffff);
    } else {
      const frameSequence = (sequence + done) | 0;
      let frameFlags = flags;
      if (i > 0) frameFlags &= ~TCP_CWR;
      if (i < frames - 1) frameFlags &= ~(TCP_FIN | TCP_PSH);
      put32(bytes, header + TCP_SEQUENCE, frameSequence);
      bytes[header + TCP_FLAGS] = frameFlags;
      sum += frameFlags + (frameSequence & 0xffff) + (frameSequence >>> 16);
      put16(bytes, header + TCP_CHECKSUM, ~fold(sum));
    }
    at += ipLength;
  }
  return total;
}

/** Sum of an IPv4 header without total length, identification and checksum. */
function fixedIpv4Sum(bytes: Uint8Array, ip: number, headerLength: number): number {
  return (
    get16(bytes, ip) + partialSum(bytes, ip + 6, 4) + partialSum(bytes, ip + IPV4_SOURCE, headerLength - IPV4_SOURCE)
  );
}

/** Sum of pseudo-header and UDP header without both lengths and the checksum: addresses, protocol, ports, no more. */
function fixedUdpSum(bytes: Uint8Array, ip: number, version: number, udp: number, headerLength: number): number {
  return (
    addressSum(bytes, ip, version) +
    UDP +
    partialSum(bytes, udp, 4) +
    partialSum(bytes, udp + UDP_HEADER, headerLength - UDP_HEADER)
  );
}

/** Sum of pseudo-header and TCP header without length, sequence number, flags and checksum. */
function fixedTcpSum(bytes: Uint8Array, ip: number, version: number, tcp: number, headerLength: number): number {
  return (
    addressSum(bytes, ip, version) +
    TCP +
    partialSum(bytes, tcp, TCP_SEQUENCE) +
    partialSum(bytes, tcp + 8, 4) +
    (bytes[tcp + 12] << 8) +
    get16(bytes, tcp + 14) +
    partialSum(bytes, tcp + 18, headerLength - 18)
  );
}

function overlap(a: number, aLength: number, b: number, bLength: number): boolean {
  return a < b + bLength && b < a + aLength && bLength > 0;
}
