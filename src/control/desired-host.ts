/**
 * What a node wants to find in the kernel of its machine: pure, from the configuration alone. How it gets there is
 * host-plan.ts, who does it is src/os/host-network.ts.
 */
import { overlayAddress } from '../core/overlay-address.js';
import type { Address, Family, Prefix } from '../wire/address.js';
import { IPV6_MIN_MTU } from '../wire/ipv6.js';
import { overhead } from '../wire/vxlan.js';
import type { NodeConfig } from './config/node-config.js';

/** The kernel's mark for "podwire made this route" (`ip route … protocol 84`). */
export const PROTOCOL = 84;

/**
 * Metric of the `unreachable` route for our own pod subnet. FRRouting reads a kernel metric as (distance << 24 |
 * priority): this is [255/8192], the distance that no other route can fail to beat, so whatever attaches pods (a route
 * for each, a bridge with the whole subnet) goes first, and only addresses that nobody holds end here.
 */
export const UNREACHABLE_METRIC = 4_278_198_272;

/** An outer UDP payload is 65,507 bytes at most (IPv4); 22 of them are VXLAN and Ethernet. */
export const MAX_TUN_MTU = 65_485;

/** The kernel's own length for TUN. It counts packets and superpackets alike: a burst of small ones needs the room. */
export const TX_QUEUE_LENGTH = 500;

/** What pods hang on that share an L2: it outlives the agent. */
export const BRIDGE = 'podwire-br';

export interface DesiredRoute {
  readonly destination: Prefix;
  /** `device`: to our TUN; `unreachable`: answered by the kernel with an ICMP error. */
  readonly kind: 'device' | 'unreachable';
  /** Preferred source of connections that start here. */
  readonly source?: Address;
}

export interface DesiredSysctl {
  /** Below /proc/sys; a path, because a device's name may have dots. */
  readonly path: string;
  readonly value: string;
  /** Without it nothing can be set up. Of the others, check.ts refuses the machine where one would be missed. */
  readonly needed: boolean;
}

export interface DesiredHost {
  readonly device: string;
  /** Largest inner IP packet, bytes. */
  readonly mtu: number;
  /** Absent: it stays as it is. */
  readonly txQueueLength?: number;
  /** Overlay addresses of the node itself, each on the device as a /32 or /128. */
  readonly addresses: readonly Address[];
  /** In the order in which they are to be made. */
  readonly routes: readonly DesiredRoute[];
  readonly sysctls: readonly DesiredSysctl[];
}

/**
 * The device's MTU on an underlay: what is left of its packets behind IP, UDP, VXLAN and Ethernet.
 * @param underlayMtu bytes of an IP packet on the underlay device
 * @param family of the underlay
 */
export function tunMtu(underlayMtu: number, family: Family): number {
  return Math.min(underlayMtu - overhead(family), MAX_TUN_MTU);
}

/**
 * The pod subnets that can be carried at this MTU: IPv6 needs 1280 bytes, and on less there is IPv4 only.
 * @param mtu the device's, bytes
 */
export function carriedSubnets(config: Pick<NodeConfig, 'podCidr'>, mtu: number): readonly Prefix[] {
  return config.podCidr.filter((subnet) => subnet.family === 4 || mtu >= IPV6_MIN_MTU);
}

/**
 * Everything a node wants from its kernel. A family of which the node has no pod subnet gets no routes either: there
 * would be no address to answer to.
 *
 * `gso_max_size` is left as it is: a forwarded superpacket larger than the device's limit is cut into single packets by
 * the kernel, and those of pods are as large as the pods' own devices allow.
 *
 * @param mtu the device's, bytes
 */
export function desiredHost(config: NodeConfig, mtu: number): DesiredHost & { readonly txQueueLength: number } {
  const subnets = carriedSubnets(config, mtu);
  const unreachable: DesiredRoute[] = subnets.map((destination) => ({ destination, kind: 'unreachable' }));
  const ranges: DesiredRoute[] = subnets.flatMap((subnet) =>
    config.clusterCidr
      .filter((range) => range.family === subnet.family)
      .map((destination) => ({ destination, kind: 'device', source: overlayAddress(subnet) })),
  );
  return {
    device: config.device,
    mtu,
    txQueueLength: TX_QUEUE_LENGTH,
    addresses: subnets.map(overlayAddress),
    routes: [...unreachable, ...ranges],
    sysctls: deviceSysctls(
      config.device,
      subnets.some((subnet) => subnet.family === 6),
    ),
  };
}

function deviceSysctls(device: string, ipv6: boolean): DesiredSysctl[] {
  return [
    // Loose, on our device only: each packet's source was checked against the peer that sent it, which is stricter; and
    // a peer may legally answer from its underlay address, which strict mode drops.
    { path: `net/ipv4/conf/${device}/rp_filter`, value: '2', needed: false },
    { path: `net/ipv6/conf/${device}/disable_ipv6`, value: ipv6 ? '0' : '1', needed: ipv6 },
    ...(ipv6 ? [{ path: `net/ipv6/conf/${device}/accept_ra`, value: '0', needed: false }] : []),
  ];
}
