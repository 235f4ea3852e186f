/** Lowers the maximum segment size that TCP connections agree on, so that their packets fit the path. */
import { updateChecksum } from '../bytes/checksum.js';
import { get16, put16 } from '../wire/big-endian.js';
import { type IpView, TCP } from '../wire/ip.js';
import { IPV4_HEADER } from '../wire/ipv4.js';
import { IPV6_HEADER } from '../wire/ipv6.js';
import { findMss, TCP_CHECKSUM, TCP_FLAGS, TCP_HEADER, TCP_SYN } from '../wire/tcp.js';

/** Whether a packet may have an MSS option: the others need not be looked at. */
export function isSyn(view: IpView): boolean {
  return (
    view.protocol === TCP &&
    view.transport !== -1 &&
    view.transport + TCP_HEADER <= view.length &&
    (view.bytes[view.offset + view.transport + TCP_FLAGS] & TCP_SYN) !== 0
  );
}

/**
 * Rewrites the MSS option of a SYN or SYN-ACK in place if it asks for segments that do not fit `mtu`; never raises it.
 * @param mtu largest inner IP packet on this path, bytes
 * @param checksumPartial the checksum field holds only the pseudo-header's sum, and stays
 * @returns whether the packet was changed
 */
export function clampMss(view: IpView, mtu: number, checksumPartial: boolean): boolean {
  if (view.fragment || !isSyn(view)) return false;
  const { bytes } = view;
  const tcp = view.offset + view.transport;
  const end = view.offset + view.length;
  const at = findMss(bytes, tcp, end);
  const most = mtu - TCP_HEADER - (view.version === 4 ? IPV4_HEADER : IPV6_HEADER);
  if (at === -1 || get16(bytes, at) <= most) return false;
  const before = get16(bytes, at);
  put16(bytes, at, most);
  if (!checksumPartial) {
    // Padding before the option can put its value astride two summed words: there, its bytes count swapped.
    const astride = ((at - tcp) & 1) !== 0;
    const checksum = get16(bytes, tcp + TCP_CHECKSUM);
    put16(bytes, tcp + TCP_CHECKSUM, updateChecksum(checksum, swapIf(astride, before), swapIf(astride, most)));
  }
  return true;
}

function swapIf(swap: boolean, word: number): number {
  return swap ? ((word & 0xff) << 8) | (word >> 8) : word;
}
