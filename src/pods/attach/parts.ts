/** What the attachments have in common: lines and settings, one path for both families. */
import type { DesiredSysctl } from '../../control/desired-host.js';
import { overlayAddress } from '../../core/overlay-address.js';
import {
  type Address,
  familyBits,
  formatAddress,
  type Prefix,
  parseAddress,
  prefixContains,
  prefixOf,
} from '../../wire/address.js';
import { IPV6_MIN_MTU } from '../../wire/ipv6.js';
import type { PodAddress, PodNode } from '../attachment.js';
import { gatewayOf } from '../gateway.js';
import type { PodRecord } from '../pod-record.js';

/** Our mark on routes (src/control/desired-host.ts). */
export const OURS = 'protocol 84';

/** Begins what is written on a pod's device, so that it is known as ours, and whose it is. */
export const ALIAS = 'podwire pod';

/** A pod's addresses, each with the subnet it is of. One whose subnet is no longer the node's has its own host route only. */
export function addressesOf(record: PodRecord, node: PodNode): PodAddress[] {
  return record.addresses.flatMap((text) => {
    const address = parseAddress(text);
    if (!address) return [];
    const subnet =
      node.subnets.find((one) => prefixContains(one, address)) ?? prefixOf(address, address.family === 4 ? 24 : 64);
    return [{ address, subnet, gateway: gatewayOf(subnet) }];
  });
}

/** An address alone, as a prefix. */
export function single(address: Address): string {
  return `${formatAddress(address)}/${familyBits(address.family)}`;
}

/** Nobody else can hold an address that we gave out: there is nothing to wait for. */
export function nodad(address: Address): string {
  return address.family === 6 ? ' nodad' : '';
}

/** No link-local address. Where a device's MTU is too small for IPv6 the kernel gives it none, and refuses to be asked. */
export function withoutLinkLocal(mtu: number): string {
  return mtu < IPV6_MIN_MTU ? '' : ' addrgenmode none';
}

/** `default`, and what it is called in a CNI result. */
export function everything(family: 4 | 6): string {
  return family === 4 ? '0.0.0.0/0' : '::/0';
}

/** The node answers at its overlay address on every device of a pod's; IPv6 only by way of the gateway. */
export function nodeRoute({ subnet, gateway }: PodAddress, ifname: string): string {
  return `route replace ${single(overlayAddress(subnet))} via ${formatAddress(gateway)} dev ${ifname}`;
}

/** Any; behind what has none, before the `unreachable` of the subnet. */
const WITHOUT_AGENT_METRIC = 30_084;

/**
 * The node's way to a pod or to all of them, from its overlay address. That goes with the agent's device, and then Linux
 * takes IPv4 routes away that name it (IPv6 ones only forget it): the second stays. A kubelet's probes go by it.
 */
export function wayTo(prefix: string, device: string, subnet: Prefix) {
  const route = `${prefix} dev ${device} ${OURS}`;
  const stays = `${route} metric ${WITHOUT_AGENT_METRIC}`;
  const ipv4 = subnet.family === 4;
  return {
    make: [
      `route replace ${route} src ${formatAddress(overlayAddress(subnet))}`,
      ...(ipv4 ? [`route replace ${stays}`] : []),
    ],
    undo: [`route del ${route}`, ...(ipv4 ? [`route del ${stays}`] : [])],
  };
}

/** Text that may be an alias: the kernel takes 255 bytes, `ip` a word in quotes. */
export function aliasOf(record: PodRecord): string {
  const words = [ALIAS, record.containerId, record.ifname, record.attach, record.addresses.join(','), record.mac];
  return words.join(' ').slice(0, 255);
}

/** Settings of a pod's interface. It says by itself that its addresses are here now (gratuitous ARP, RFC 5227 §3). */
export function podSysctls(ifname: string, addresses: readonly Pick<PodAddress, 'address'>[]): DesiredSysctl[] {
  const ipv6 = addresses.some(({ address }) => address.family === 6);
  return [
    { path: `net/ipv4/conf/${ifname}/arp_notify`, value: '1', needed: false },
    { path: `net/ipv6/conf/${ifname}/disable_ipv6`, value: ipv6 ? '0' : '1', needed: ipv6 },
    ...(ipv6
      ? [
          { path: `net/ipv6/conf/${ifname}/accept_ra`, value: '0', needed: false },
          { path: `net/ipv6/conf/${ifname}/ndisc_notify`, value: '1', needed: false },
        ]
      : []),
  ];
}

/** The node forwards for its pods. */
export function forwarding(subnets: readonly Prefix[]): DesiredSysctl[] {
  return subnets.map(({ family }) => ({
    path: family === 4 ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding',
    value: '1',
    needed: true,
  }));
}

/** Brings the pod's interface up with its addresses. @param lengths of the addresses' prefixes: the subnet's, or alone */
export function podAddressLines(
  ifname: string,
  addresses: readonly PodAddress[],
  lengths: 'subnet' | 'single',
): string[] {
  const ipv6 = addresses.some(({ address }) => address.family === 6);
  return [
    'link set dev lo up',
    // The guard knows this link-local address, and no other.
    ...(ipv6 ? [`link set dev ${ifname} addrgenmode eui64`] : []),
    ...addresses.map(({ address, subnet }) => {
      const whole = lengths === 'single' ? single(address) : `${formatAddress(address)}/${subnet.length}`;
      return `address add ${whole} dev ${ifname}${nodad(address)}`;
    }),
    `link set dev ${ifname} up`,
  ];
}
