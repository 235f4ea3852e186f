/** What the pods of a node (network.ts) are put in order with: words, facts and lines. */
import { BRIDGE, PROTOCOL, UNREACHABLE_METRIC } from '../control/desired-host.js';
import { formatMac } from '../core/mac.js';
import { type Address, formatAddress, formatPrefix, type Prefix, parseAddress, samePrefix } from '../wire/address.js';
import { wayTo } from './attach/parts.js';
import type { Choice, PodNode } from './attachment.js';
import type { AttachmentWords, NetworkConfig } from './cni/request.js';
import { deviceName, macOfAddress } from './device-name.js';
import { type PodRecord, podKey } from './pod-record.js';

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

export function staysTaken({ device }: PodRecord, left: readonly string[]): string {
  return `the pod's ${device} cannot be removed: ${left.join('; ')}; its address stays taken`;
}

/** For programs that read events. */
export function factsOf({ pod, containerId, ifname, netns, device, addresses }: PodRecord) {
  return { ...(pod !== undefined && { pod }), containerId, ifname, netns, device, addresses };
}

/** Bytes. */
export function podMtu({ mtu }: NetworkConfig, node: PodNode, choice: Choice | undefined): number {
  // On the node's own network nothing is wrapped.
  const most = choice?.underlay ? choice.mtu : Math.min(node.mtu, choice?.mtu ?? node.mtu);
  return Math.min(mtu ?? most, most);
}

/** What is remembered of a pod that is about to be made. @param now ms since 1970 */
export function newRecord(
  network: NetworkConfig,
  words: AttachmentWords,
  node: PodNode,
  choice: Choice | undefined,
  addresses: readonly Address[],
  now: number,
): PodRecord {
  const [first] = addresses;
  return {
    containerId: words.containerId,
    ifname: words.ifname,
    netns: words.netns ?? '',
    network: network.name,
    attach: network.attach,
    device: choice?.device ?? deviceName(podKey(words)),
    mac: network.mac ? formatMac(network.mac) : (choice?.mac ?? macOfAddress(first)),
    ...(choice && { shared: !choice.alone }),
    ...(choice?.origin !== undefined && { origin: choice.origin }),
    ...(choice?.underlay && { underlay: choice.underlay }),
    mtu: podMtu(network, node, choice),
    addresses: addresses.map(formatAddress),
    masquerade: network.masquerade,
    ports: network.ports,
    ...(words.pod !== undefined && { pod: words.pod }),
    since: now,
  };
}
