/** What the pods of a node (network.ts) are put in order with: words, facts and lines. */
import { BRIDGE, PROTOCOL, UNREACHABLE_METRIC } from '../control/desired-host.js';
import { type Address, formatPrefix, type Prefix, parseAddress, samePrefix } from '../wire/address.js';
import { wayTo } from './attach/parts.js';
import type { PodRecord } from './pod-record.js';

/**
 * While no agent runs, what pods send to pods elsewhere is answered for, and does not leave by the default route. Behind the
 * routes to the device.
 */
export function unreachables(clusterCidr: readonly Prefix[]): string[] {
  return clusterCidr.map(
    (range) => `unreachable ${formatPrefix(range)} metric ${UNREACHABLE_METRIC} protocol ${PROTOCOL}`,
  );
}

/** What was held before, and is another node's by now, is not on the bridge. */
export function leaving(before: readonly Prefix[], held: readonly Prefix[]): string[] {
  const left = before.filter((subnet) => !held.some((one) => samePrefix(one, subnet)));
  return left.flatMap((subnet) => wayTo(formatPrefix(subnet), BRIDGE, subnet).undo);
}

/** What pods share on the node has this key. */
export function sharedBy({ attach, device }: PodRecord): string {
  return attach === 'macvlan' ? device : attach;
}

/** Waits for all, also where one fails: nothing of them goes on behind one's back. */
export async function allOf(works: readonly (Promise<unknown> | false | '' | undefined)[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works)) if (outcome.status === 'rejected') throw outcome.reason;
}

export function addressesIn(record: PodRecord): Address[] {
  return record.addresses.flatMap((text) => parseAddress(text) ?? []);
}

export function nameOf({ pod, containerId, ifname }: PodRecord): string {
  return `${pod ?? `container ${containerId.slice(0, 12)}`} (${ifname})`;
}

/** For programs that read events. */
export function factsOf({ pod, containerId, ifname, netns, device, addresses }: PodRecord) {
  return { ...(pod !== undefined && { pod }), containerId, ifname, netns, device, addresses };
}
