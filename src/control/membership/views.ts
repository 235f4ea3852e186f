/** What a node knows of its cluster, as its API tells it: pure. */
import type { MemberView } from '../../core/swim/types.js';
import { formatAddress, formatPrefix } from '../../wire/address.js';
import type { SignedStatement } from '../../wire/gossip/statement.js';
import type { DataPathStatus, MemberStatus, SubnetOwner } from '../node-api.js';

const STATES = ['alive', 'suspect', 'dead', 'left'] as const;

/** By name. */
export function memberStatuses(
  members: Iterable<MemberView<SignedStatement>>,
  self: string,
  /** Milliseconds since 1970 of a moment of the protocol's clock. */
  wallOf: (ms: number) => number,
  pathOf: (node: string) => DataPathStatus | undefined,
): MemberStatus[] {
  return [...members]
    .map(({ card, state, incarnation, since, rttMs }): MemberStatus => {
      const { node, underlay, podCidr, epoch } = card.statement;
      const data = pathOf(node);
      return {
        node,
        state: STATES[state],
        self: node === self,
        underlay: formatAddress(underlay[0]),
        underlays: underlay.map(formatAddress),
        podCidr: podCidr.map(formatPrefix),
        epoch,
        incarnation,
        rttMs: rttMs ?? null,
        since: new Date(wallOf(since)).toISOString(),
        ...(data && { data }),
      };
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** Who owns which subnet, in the order of the subnets; `contested`: several claim it. */
export function subnetOwners(members: readonly MemberStatus[], owners: ReadonlySet<string>): SubnetOwner[] {
  return members
    .filter(({ podCidr }) => podCidr.length > 0)
    .map(({ node, podCidr, epoch, state, self }) => ({
      node,
      podCidr,
      epoch,
      state,
      self,
      contested: !owners.has(node),
    }))
    .sort((a, b) => a.podCidr[0].localeCompare(b.podCidr[0], 'en', { numeric: true }));
}
