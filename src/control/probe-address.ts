/** An address that the offload test may play: in the cluster, so routed to the device, and not in our own subnet. */
import { type Address, addressAt, familyBits, type Prefix, prefixContains } from '../wire/address.js';

/** Offsets into a range beyond this are not tried: `addressAt` counts in numbers. */
const FAR = 2 ** 32;

/**
 * @param podCidr our own subnet
 * @param clusterCidr the ranges that are routed to the device
 * @returns undefined if the cluster has no room beside our subnet
 */
export function probeAddress(podCidr: Prefix, clusterCidr: readonly Prefix[]): Address | undefined {
  for (const range of clusterCidr) {
    if (range.family !== podCidr.family) continue;
    const behindOurs = 2 ** (familyBits(podCidr.family) - podCidr.length) + 1;
    for (const n of [1, behindOurs]) {
      const address = n < FAR ? addressAt(range, n) : undefined;
      if (address && prefixContains(range, address) && !prefixContains(podCidr, address)) return address;
    }
  }
  return undefined;
}
