/** From what was configured and what gossip tells to the peers of the forwarding table: pure. */
import { byPrecedence, type Claimant, ownersOf } from '../core/ipam/claim.js';
import { formatAddress, type Prefix, prefixContains } from '../wire/address.js';
import { FEATURE_ECN, type Statement } from '../wire/gossip/statement.js';
import type { PeerConfig } from './config/node-config.js';

export interface DesiredPeers {
  readonly peers: readonly PeerConfig[];
  /** Members that get no traffic, and why, in words. */
  readonly left: readonly { readonly node: string; readonly why: string }[];
}

/** The reason that ends by itself. */
export const NO_SUBNET = 'it has no subnet yet';

/**
 * Peers of the configuration stand as they are: an operator's word. Of the members, those are added that can be reached
 * and whose subnets are theirs; where two claim the same, all nodes choose the same one (src/core/ipam/claim.ts).
 */
export function desiredPeers(
  self: PeerConfig,
  epoch: number,
  clusterCidr: readonly Prefix[],
  configured: readonly PeerConfig[],
  members: readonly Statement[],
): DesiredPeers {
  const left: { node: string; why: string }[] = [];
  const fixed = new Map(configured.map((peer) => [peer.node, peer]));
  const underlays = new Set([self, ...configured].map(({ underlay }) => formatAddress(underlay)));
  // In one order on all nodes, whatever each heard first: of two at one address the older claim stays.
  const candidates = inOrder(members).filter((member) => {
    const why = obstacle(member);
    if (why !== undefined) left.push({ node: member.node, why });
    else underlays.add(formatAddress(member.underlay));
    return why === undefined;
  });

  const claimants: Claimant[] = [
    { node: self.node, claim: { podCidr: self.podCidr, epoch } },
    ...configured.map(({ node, podCidr }) => ({ node, claim: { podCidr, epoch: 0 } })),
    ...candidates.map(claimantOf),
  ];
  const owners = ownersOf(claimants);
  const added = candidates.filter(({ node }) => {
    if (!owners.has(node)) left.push({ node, why: 'its subnet belongs to somebody else' });
    return owners.has(node);
  });
  return { peers: [...configured, ...added.map(peerOf)], left };

  function obstacle({ node, underlay, podCidr }: Statement): string | undefined {
    if (podCidr.length === 0) return NO_SUBNET;
    if (fixed.has(node)) return 'the configuration says what it is';
    if (underlay.family !== self.underlay.family) return `its underlay is IPv${underlay.family}`;
    if (underlays.has(formatAddress(underlay))) return `its address ${formatAddress(underlay)} is another's`;
    if (clusterCidr.some((range) => prefixContains(range, underlay))) return 'its address lies inside the overlay';
    if (!podCidr.every((prefix) => clusterCidr.some((range) => holds(range, prefix)))) {
      return 'its subnet is not inside clusterCidr';
    }
    return undefined;
  }
}

function inOrder(members: readonly Statement[]): Statement[] {
  return [...members].sort((one, other) => byPrecedence(claimantOf(one), claimantOf(other)));
}

function claimantOf({ node, podCidr, epoch }: Statement): Claimant {
  return { node, claim: { podCidr, epoch } };
}

function holds(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner);
}

function peerOf({ node, underlay, podCidr, mac, features }: Statement): PeerConfig {
  return { node, underlay, podCidr, mac, ecn: (features & FEATURE_ECN) !== 0 };
}
