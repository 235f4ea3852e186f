/** A pod behind a device of its own: the node holds the gateway's addresses there, and a route and a neighbour per address. */
import { BRIDGE } from '../../control/desired-host.js';
import { formatAddress } from '../../wire/address.js';
import type { PodAddress } from '../attachment.js';
import type { CniInterface, CniResult } from '../cni/result.js';
import type { PodRecord } from '../pod-record.js';
import { everything, nodad, podAddressLines, single, wayTo } from './parts.js';

/**
 * @param device the node's, that leads to the pod
 * @param alone nothing but the pod is behind it: the node may have the link-local address that it has for all pods
 */
export function nodeSide(device: string, mac: string, addresses: readonly PodAddress[], alone = true) {
  const ipv6 = addresses.filter(({ address }) => address.family === 6);
  const ways = addresses.map(({ address, subnet }) => wayTo(single(address), device, subnet));
  return {
    make: [
      ...(alone && ipv6.length > 0 ? [`address replace fe80::1/64 dev ${device} nodad`] : []),
      ...addresses.map(({ gateway }) => `address replace ${single(gateway)} dev ${device}${nodad(gateway)}`),
      `link set dev ${device} up`,
      // Nothing has to be asked first, and nothing is remembered wrong.
      ...addresses.map(
        ({ address }) => `neigh replace ${formatAddress(address)} lladdr ${mac} dev ${device} nud permanent`,
      ),
      ...ways.flatMap(({ make }) => make),
    ],
    undo: addresses.flatMap((one, i) => [
      ...ways[i].undo,
      `address del ${single(one.gateway)} dev ${device}`,
      ...(alone && one.address.family === 6 ? [`address del fe80::1/64 dev ${device}`] : []),
      `neigh del ${formatAddress(one.address)} dev ${device}`,
    ]),
  };
}

/** Pods on the bridge ask there for addresses beside theirs; IPv4 is answered by a setting of the bridge, IPv6 one by one. */
export function announceOnBridge(addresses: readonly PodAddress[]) {
  const ipv6 = addresses.filter(({ address }) => address.family === 6);
  return {
    make: ipv6.map(({ address }) => `neigh replace proxy ${formatAddress(address)} dev ${BRIDGE}`),
    undo: ipv6.map(({ address }) => `neigh del proxy ${formatAddress(address)} dev ${BRIDGE}`),
  };
}

export function podSide(ifname: string, addresses: readonly PodAddress[]): string[] {
  return [
    ...podAddressLines(ifname, addresses, 'single'),
    ...addresses.map(({ gateway }) => `route add default via ${formatAddress(gateway)} dev ${ifname} onlink`),
  ];
}

export function routedResult(node: CniInterface, record: PodRecord, addresses: readonly PodAddress[]): CniResult {
  const { ifname, mac, mtu, netns } = record;
  return {
    interfaces: [node, { name: ifname, mac, mtu, sandbox: netns }],
    ips: addresses.map(({ address, gateway }) => ({
      address: single(address),
      gateway: formatAddress(gateway),
      interface: 1,
    })),
    routes: addresses.map(({ gateway }) => ({ dst: everything(gateway.family), gw: formatAddress(gateway) })),
    dns: {},
  };
}
