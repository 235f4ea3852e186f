/**
 * What a VTEP on the same machine leaves to its receiver. Over veth Linux hands packets on before the work that a NIC
 * would have done: the transport checksum holds the pseudo-header's sum only, and TCP and UDP come as superpackets of up
 * to 64 KiB in one frame. Over a real NIC neither happens.
 */
import type { ByteWork } from '../bytes/work.js';
import { get16 } from '../wire/big-endian.js';
import { type IpView, TCP, UDP } from '../wire/ip.js';
import { TCP_CHECKSUM, TCP_HEADER } from '../wire/tcp.js';
import { UDP_CHECKSUM, UDP_HEADER } from '../wire/udp.js';

/**
 * Where the checksum field of a packet's transport stands, counted from its transport header, if the field holds the
 * pseudo-header's sum and the rest is still to be added; else 0. One right checksum in 65,535 looks like that too:
 * then the packet is summed as a whole.
 */
export function unfinishedChecksum(view: IpView, work: ByteWork): number {
  if (view.transport < 0 || view.fragment) return 0;
  const length = view.length - view.transport;
  const field = checksumField(view.protocol, length);
  if (field === 0) return 0;
  const at = view.offset + view.transport;
  const pseudo = view.pseudoHeaderSum();
  if (get16(view.bytes, at + field) !== pseudo) return 0;
  return work.sum(view.bytes, at, length, pseudo) === 0xffff ? 0 : field;
}

/** Where the checksum stands in a whole TCP or UDP header; 0: there is none such. */
export function checksumField(protocol: number, length: number): number {
  if (protocol === TCP) return length >= TCP_HEADER ? TCP_CHECKSUM : 0;
  return protocol === UDP && length >= UDP_HEADER ? UDP_CHECKSUM : 0;
}
