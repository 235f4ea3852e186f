/**
 * What somebody on the path says of a frame of ours, and whether it is to be believed. Anybody can send ICMP; only who
 * has seen a frame can quote it: its destination, the VXLAN port, our VNI, and the MACs of the two ends. That is as much
 * as a report can prove (RFC 8899 §4.6.1), so what it says is bounded by a floor and tested again later.
 */
import { ETHERNET_DESTINATION, ETHERNET_SOURCE, macEquals } from '../wire/ethernet.js';
import { checkVxlan, ENCAPSULATION, VXLAN_HEADER, VXLAN_OK } from '../wire/vxlan.js';

export interface PathReport {
  /**
   * `too-big`: ICMP's. `link`: this machine's kernel says it of its own link. `no-port`: nobody listens there.
   * `unreachable`: no way there. `other`: says nothing of the path.
   */
  readonly kind: 'too-big' | 'link' | 'no-port' | 'unreachable' | 'other';
  /** Largest IP packet of the underlay that passes, bytes; 0 if it does not say. */
  readonly mtu: number;
  /** Where the frame was going: words as in a batch's record, and the UDP port. */
  readonly destination: ArrayLike<number>;
  readonly port: number;
  /** The beginning of the UDP payload that it quotes; none in a kernel's own report. */
  readonly quoted: Uint8Array;
}

/** A frame's headers, as they must be quoted. */
export interface SentHeaders {
  readonly vni: number;
  /** VTEP MACs. */
  readonly peer: Uint8Array;
  readonly own: Uint8Array;
}

/**
 * Whether a report quotes a frame from us to this peer. Routers quote at least 8 bytes behind the IP header (RFC 792),
 * which is UDP's header alone and proves nothing; all but the oldest quote much more (RFC 1812 §4.3.2.3, RFC 4443 §3).
 */
export function quotesOurFrame({ quoted }: PathReport, { vni, peer, own }: SentHeaders): boolean {
  return (
    quoted.length >= ENCAPSULATION &&
    checkVxlan(quoted, 0, quoted.length, vni) === VXLAN_OK &&
    macEquals(quoted, VXLAN_HEADER + ETHERNET_DESTINATION, peer) &&
    macEquals(quoted, VXLAN_HEADER + ETHERNET_SOURCE, own)
  );
}
