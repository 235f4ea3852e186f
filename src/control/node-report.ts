/** What a node tells of its peers, routes and members: from the records of those who carry traffic, to text. Pure. */
import { formatMac } from '../core/mac.js';
import type { PathMtuReading } from '../core/path-mtu-keeper.js';
import type { Underlay } from '../core/underlay.js';
import { familyBits, formatAddress, formatPrefix } from '../wire/address.js';
import type { PeerConfig } from './config/node-config.js';
import type { DesiredPeer, LeftNode } from './desired-peers.js';
import type { DataPathStatus, MemberStatus, PeerStatus, RouteStatus } from './node-api.js';

/** A peer that traffic goes to, and what is known of it. */
export interface CarriedPeer {
  readonly peer: DesiredPeer;
  /** Largest inner IP packet that the path takes, bytes. */
  readonly mtu: number;
  readonly counters: Pick<PeerStatus, 'txFrames' | 'txBytes' | 'rxFrames' | 'rxBytes'>;
  readonly data?: DataPathStatus | undefined;
  readonly path?: PathMtuReading | undefined;
}

/** Said of every cluster, as long as its traffic is not encrypted. */
export const SECURITY = {
  sealed: false,
  note: 'plain VXLAN: nothing is encrypted, and a sender is known by its outer address only, which proves nothing; run it where you trust the network between the nodes',
} as const;

export function peerStatus({ peer, mtu, counters, data, path }: CarriedPeer): PeerStatus {
  return {
    ...described(peer.node, underlays(peer), peer),
    mtu,
    mtuBy: path?.by ?? 'link',
    mtuAgeMs: Math.round(path?.ageMs ?? 0),
    mtuSearch: path?.phase ?? 'told',
    ...(path?.words !== undefined && { pathWords: path.words }),
    ...counters,
    ...(data && { data }),
  };
}

/** A node that shares no underlay family with this one is shown as a peer that nothing goes to; no other is. */
export function unreachedPeer(left: LeftNode): PeerStatus[] {
  if (!left.apart) return [];
  const { node, underlay } = left.apart;
  const nothing = { txFrames: 0, txBytes: 0, rxFrames: 0, rxBytes: 0 };
  const mtu = { mtu: 0, mtuBy: 'link', mtuAgeMs: 0, mtuSearch: 'told' } as const;
  return [{ ...described(node, underlay, left.apart), ...mtu, ...nothing, data: unreached(left) }];
}

/** @param left the same node, if it gets no traffic */
export function memberStatus(member: MemberStatus, left: LeftNode | undefined): MemberStatus {
  return left?.apart ? { ...member, data: unreached(left) } : member;
}

/** Pod subnets first, then the underlay addresses. @param self the node is this one */
export function routeStatuses(peer: DesiredPeer, self: boolean): RouteStatus[] {
  const via = formatAddress(peer.underlay);
  const hosts = underlays(peer).map((address) => `${formatAddress(address)}/${familyBits(address.family)}`);
  return [
    ...peer.podCidr.map(
      (prefix): RouteStatus => ({ prefix: formatPrefix(prefix), node: peer.node, kind: 'pod', via, self }),
    ),
    ...hosts.map((prefix): RouteStatus => ({ prefix, node: peer.node, kind: 'underlay', via, self })),
  ];
}

/** The address that its traffic goes to first. */
function underlays({ underlay, otherUnderlay }: DesiredPeer): Underlay {
  return otherUnderlay ? [underlay, otherUnderlay] : [underlay];
}

function described(node: string, addresses: Underlay, { podCidr, mac }: Pick<PeerConfig, 'podCidr' | 'mac'>) {
  return {
    node,
    underlay: formatAddress(addresses[0]),
    underlays: addresses.map(formatAddress),
    podCidr: podCidr.map(formatPrefix),
    mac: formatMac(mac),
  };
}

/** The data path to a node that shares no underlay family with this one. */
function unreached({ why }: LeftNode): DataPathStatus {
  return { state: 'down', rttMs: null, lossPercent: null, words: why };
}
