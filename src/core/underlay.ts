/**
 * A node's underlay addresses: one, or one of each family, the one for those who know only one first. Two nodes reach
 * each other over the families that both have. Pure.
 */
import { type Address, type Family, formatAddress, sameAddress } from '../wire/address.js';

export type Underlay = readonly Address[];

/** In the order in which a pair that has both uses them: IPv4 leaves 20 bytes more of each packet. */
export const FAMILIES: readonly Family[] = [4, 6];

export function addressIn(underlay: Underlay, family: Family): Address | undefined {
  return underlay.find((address) => address.family === family);
}

export function hasAddress(underlay: Underlay, address: Address): boolean {
  return underlay.some((own) => sameAddress(own, address));
}

export function sameUnderlay(one: Underlay, other: Underlay): boolean {
  return one.length === other.length && one.every((address) => hasAddress(other, address));
}

/** The families that both have, the preferred one first. */
export function sharedFamilies(one: Underlay, other: Underlay): Family[] {
  return FAMILIES.filter((family) => addressIn(one, family) && addressIn(other, family));
}

/**
 * The other's addresses that this node may send to, the preferred one first.
 * @param avoid families that do not carry at present: they come last
 */
export function reachable(own: Underlay, theirs: Underlay, avoid: readonly Family[] = []): Address[] {
  const families = sharedFamilies(own, theirs);
  const first = families.filter((family) => !avoid.includes(family));
  return [...first, ...families.filter((family) => avoid.includes(family))].flatMap(
    (family) => addressIn(theirs, family) ?? [],
  );
}

/** Why two nodes exchange nothing. */
export function noSharedFamily(node: string, own: Underlay, theirs: Underlay): string {
  return `no common underlay family with ${node}: this node has ${familiesText(own)}, ${node} has ${familiesText(theirs)}`;
}

/** `192.0.2.1 and 2001:db8::1`. */
export function underlayText(underlay: Underlay): string {
  return underlay.map(formatAddress).join(' and ');
}

function familiesText(underlay: Underlay): string {
  return FAMILIES.filter((family) => addressIn(underlay, family))
    .map((family) => `IPv${family}`)
    .join(' and ');
}

/** An own address that routes lead from to somebody, and whether he was reached from it. */
export interface Trial {
  readonly source: Address;
  readonly reached: boolean;
}

/**
 * One address of each family: that from which most were reached; where nobody was reached at all, that from which most
 * routes lead. Among equals the first.
 */
export function chosenUnderlay(trials: readonly Trial[]): Underlay {
  const reached = trials.filter((trial) => trial.reached);
  const votes = new Map<string, { source: Address; count: number }>();
  for (const { source } of reached.length > 0 ? reached : trials) {
    const text = formatAddress(source);
    votes.set(text, { source, count: (votes.get(text)?.count ?? 0) + 1 });
  }
  const best = [...votes.values()].sort((one, other) => other.count - one.count).map(({ source }) => source);
  return FAMILIES.flatMap((family) => addressIn(best, family) ?? []);
}
