/** Claims of subnets, and who wins where two overlap: the same for every node, whatever it heard first. Pure. */
import { formatPrefix, type Prefix, prefixesOverlap, prefixOf } from '../../wire/address.js';

export interface Claim {
  /** At most one for each family. */
  readonly podCidr: readonly Prefix[];
  /** One more than the highest that the claimant knew of, so an older claim has a lower one; 0: configured by hand. */
  readonly epoch: number;
}

/** Epochs have 32 bits on the wire. */
export const LAST_EPOCH = 2 ** 32 - 1;

export interface Claimant {
  /** The node's name. */
  readonly node: string;
  readonly claim: Claim;
}

/** Whether two claims have an address in common. */
export function claimsOverlap(one: Claim, other: Claim): boolean {
  return one.podCidr.some((a) => other.podCidr.some((b) => prefixesOverlap(a, b)));
}

/** Orders claimants: the one that stays stands first. An older claim goes before a younger, then the names decide. */
export function byPrecedence(one: Claimant, other: Claimant): number {
  return one.claim.epoch - other.claim.epoch || (one.node < other.node ? -1 : one.node > other.node ? 1 : 0);
}

/**
 * The nodes whose subnets are theirs. Where claims overlap, those that stand behind lose the whole of theirs, and do not
 * stand in anybody's way any more. Its cost grows with the number of claims and of distinct prefix lengths.
 */
export function ownersOf(claimants: readonly Claimant[]): Set<string> {
  const lengths = [...new Set(claimants.flatMap(({ claim }) => claim.podCidr.map(({ length }) => length)))];
  const taken = new Set<string>();
  /** Wider prefixes in which something is taken. */
  const partly = new Set<string>();
  const owners = new Set<string>();
  const wider = (prefix: Prefix) =>
    lengths.filter((length) => length < prefix.length).map((length) => formatPrefix(prefixOf(prefix, length)));

  for (const { node, claim } of [...claimants].sort(byPrecedence)) {
    const free = claim.podCidr.every((prefix) => {
      const text = formatPrefix(prefix);
      return !taken.has(text) && !partly.has(text) && !wider(prefix).some((range) => taken.has(range));
    });
    if (!free || claim.podCidr.length === 0) continue;
    owners.add(node);
    for (const prefix of claim.podCidr) {
      taken.add(formatPrefix(prefix));
      for (const range of wider(prefix)) partly.add(range);
    }
  }
  return owners;
}
