/** What the forwarding table is told: the words that the control side and the table share. */
import type { Address, Prefix } from '../../wire/address.js';
import { ENCAPSULATION } from '../../wire/vxlan.js';

/** Index of this node itself in the peer table. */
export const SELF = 0;

/** What a lookup returns when no peer is the answer. */
export const NOBODY = -1;

/** Bytes written before each inner packet: VXLAN header and Ethernet header. */
export const PREFIX_BYTES = ENCAPSULATION;

/** All that a worker needs to know about a peer. */
export interface PeerRecord {
  /** Where its frames come from and go to. */
  readonly underlay: Address;
  /** Its UDP port, host order. */
  readonly port: number;
  /** The `PREFIX_BYTES` bytes before each inner packet to it; the ethertype (the last two) is left 0. */
  readonly prefix: Uint8Array;
  /** It reads congestion marks on the outer packet (RFC 6040); to others, packets go out as not capable of them. */
  readonly ecn: boolean;
  /** Its own overlay addresses, at most one of each family: the sources of ICMP errors about it. */
  readonly overlay: readonly Address[];
}

/**
 * One step. Steps are taken in order, so a list may set a peer and then its prefixes, or remove prefixes and then
 * their peer.
 */
export type ForwardingChange =
  /** Sets a peer, or replaces its record and keeps its prefixes. */
  | { readonly kind: 'setPeer'; readonly peer: number; readonly record: PeerRecord }
  /** Removes a peer that no prefix points at any more. */
  | { readonly kind: 'removePeer'; readonly peer: number }
  /**
   * Gives a prefix to a peer, whoever had it before. `underlay`: it is the peer's own underlay host address, by which
   * senders are known.
   */
  | { readonly kind: 'setPrefix'; readonly prefix: Prefix; readonly peer: number; readonly underlay: boolean }
  /** Removes a prefix that is there. */
  | { readonly kind: 'removePrefix'; readonly prefix: Prefix };
