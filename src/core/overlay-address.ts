/** The address that a node itself has in the overlay. */
import { type Address, addressAt, type Prefix } from '../wire/address.js';

/**
 * A node's own overlay address: `.0` of an IPv4 pod subnet (flannel's convention), `::2` of an IPv6 one (`::` is the
 * subnet-router anycast address once a bridge forwards, RFC 4291 §2.6.1).
 */
export function overlayAddress(podCidr: Prefix): Address {
  return addressAt(podCidr, podCidr.family === 4 ? 0 : 2);
}
