/** The address that a node itself has in the overlay. */
import {
  type Address,
  addressAt,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  parsePrefix,
} from '../wire/address.js';
import { PodwireError } from '../wire/error.js';

/** A pod subnet holds the node's own address, a gateway and pods: longest prefix for each family. */
export const LONGEST_POD_PREFIX: Record<Family, number> = { 4: 30, 6: 126 };

/** Why this is no pod subnet; undefined: it has room for one. */
export function podPrefixProblem(prefix: Prefix): string | undefined {
  const longest = LONGEST_POD_PREFIX[prefix.family];
  if (prefix.length <= longest) return undefined;
  return `${formatPrefix(prefix)} is too small for pods: write /${longest} or a shorter length`;
}

/**
 * A node's own overlay address: `.0` of an IPv4 pod subnet (flannel's convention), `::2` of an IPv6 one (`::` is the
 * subnet-router anycast address once a bridge forwards, RFC 4291 §2.6.1).
 */
export function overlayAddress(podCidr: Prefix): Address {
  return addressAt(podCidr, podCidr.family === 4 ? 0 : 2);
}

/** The same of pod subnets as they are written, one for each. @throws PodwireError INTERNAL for what is none */
export function overlayAddressTexts(podCidrs: readonly string[]): string[] {
  return podCidrs.map((cidr) => {
    const prefix = parsePrefix(cidr);
    if (typeof prefix === 'string') throw new PodwireError('INTERNAL', prefix);
    return formatAddress(overlayAddress(prefix));
  });
}
