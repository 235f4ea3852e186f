/** From what was configured and what gossip tells to the peers of the forwarding table: pure. */
import { byPrecedence, type Claimant, ownersOf } from '../core/ipam/claim.js';
import { noSharedFamily, reachable } from '../core/underlay.js';
import { type Address, type Family, formatAddress, type Prefix, prefixContains } from '../wire/address.js';
import { FEATURE_ECN, type Statement } from '../wire/gossip/statement.js';
import type { PeerConfig } from './config/node-config.js';

/** A peer as the forwarding table takes it: one of its underlay addresses is chosen. */
export interface DesiredPeer extends Omit<PeerConfig, 'underlay'> {
  /** Where its frames go. */
  readonly underlay: Address;
  /** Its address of the other family: its frames may come from there as well. */
  readonly otherUnderlay?: Address | undefined;
}

/** A node that gets no traffic. */
export interface LeftNode {
  readonly node: string;
  /** In words. */
  readonly why: string;
  /** There is no family that both have: nothing else is wrong with it. */
  readonly apart?: PeerConfig;
}

export interface DesiredPeers {
  readonly peers: readonly DesiredPeer[];
  readonly left: readonly LeftNode[];
}

/** The reason that ends by itself. */
export const NO_SUBNET = 'it has no subnet yet';

/**
 * Peers of the configuration stand as they are: an operator's word. Of the members, those are added whose subnets are
 * theirs; where two claim the same, all nodes choose the same one (src/core/ipam/claim.ts). Those that share no underlay
 * family with this node keep their subnets, and get no traffic.
 * @param avoid families over which a node is not reached at present, if there is another
 */
export function desiredPeers(
  self: PeerConfig,
  epoch: number,
  clusterCidr: readonly Prefix[],
  configured: readonly PeerConfig[],
  members: readonly Statement[],
  avoid: (node: string) => readonly Family[] = () => [],
): DesiredPeers {
  const left: LeftNode[] = [];
  const fixed = new Map(configured.map((peer) => [peer.node, peer]));
  const underlays = new Set([self, ...configured].flatMap(({ underlay }) => underlay.map(formatAddress)));
  // In one order on all nodes, whatever each heard first: of two at one address the older claim stays.
  const candidates = inOrder(members).filter((member) => {
    const why = obstacle(member);
    if (why !== undefined) left.push({ node: member.node, why });
    else for (const address of member.underlay) underlays.add(formatAddress(address));
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
  const peers = [...configured, ...added.map(peerOf)].flatMap((peer) => reached(peer) ?? []);
  return { peers, left };

  function obstacle({ node, underlay, podCidr }: Statement): string | undefined {
    if (podCidr.length === 0) return NO_SUBNET;
    if (fixed.has(node)) return 'the configuration says what it is';
    const taken = underlay.find((address) => underlays.has(formatAddress(address)));
    if (taken) return `its address ${formatAddress(taken)} is another's`;
    if (underlay.some((address) => clusterCidr.some((range) => prefixContains(range, address)))) {
      return 'its address lies inside the overlay';
    }
    if (!podCidr.every((prefix) => clusterCidr.some((range) => holds(range, prefix)))) {
      return 'its subnet is not inside clusterCidr';
    }
    return undefined;
  }

  function reached(peer: PeerConfig): DesiredPeer | undefined {
    const [underlay] = reachable(self.underlay, peer.underlay, avoid(peer.node));
    if (!underlay) {
      left.push({ node: peer.node, why: noSharedFamily(peer.node, self.underlay, peer.underlay), apart: peer });
      return undefined;
    }
    const other = peer.underlay.find(({ family }) => family !== underlay.family);
    return { ...peer, underlay, ...(other && { otherUnderlay: other }) };
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
