/** What pods call their gateway: the node answers for it on every device that leads to a pod. */
import { type Address, addressAt, type Prefix } from '../wire/address.js';

/** `.1` of an IPv4 subnet, `::1` of an IPv6 one. */
export function gatewayOf(subnet: Prefix): Address {
  return addressAt(subnet, 1);
}
