/** What addresses must be so that nodes, and pods, can be reached at them from elsewhere. Pure. */
import {
  type Address,
  formatAddress,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from '../wire/address.js';

const range = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string') throw new TypeError(prefix);
  return prefix;
};

/** Addresses that are nobody's, or a group's: no node can be reached at them. */
const NOT_UNICAST = ['0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8'].map(range);
/** Addresses that stay on one machine or one link: never routed. */
const NOT_ROUTED = ['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10'].map(range);
const LINK_LOCAL_V6 = range('fe80::/10');

/** Why nodes cannot be reached at this address; undefined: they can. */
export function outerAddressProblem(address: Address, clusterCidr: readonly Prefix[]): string | undefined {
  const text = formatAddress(address);
  if (NOT_UNICAST.some((prefix) => prefixContains(prefix, address))) {
    return `${text} is no single host's address: write the address that the other nodes reach`;
  }
  if (prefixContains(LINK_LOCAL_V6, address)) {
    return `${text} is valid on one link only: write a global or unique local address`;
  }
  const cluster = clusterCidr.find((prefix) => prefixContains(prefix, address));
  if (!cluster) return undefined;
  return `${text} lies inside clusterCidr ${formatPrefix(cluster)}, so its packets would be sent into the overlay itself: choose ranges apart`;
}

/** Why pods cannot be reached at these addresses; undefined: they can. */
export function podRangeProblem(prefix: Prefix): string | undefined {
  const bad = [...NOT_UNICAST, ...NOT_ROUTED].find((other) => prefixesOverlap(prefix, other));
  return bad && `${formatPrefix(prefix)} overlaps ${formatPrefix(bad)}, which is not for hosts that are routed to`;
}
