/** Hosts and pods, as text for `ip -batch` in their namespaces: pure. IPv6 addresses are `nodad`: nothing waits. */
import type { LabHost, LabPod } from './plan.js';

/** A host: its underlay addresses, default routes to the router, and a route to each of its pods. */
export function host(host: LabHost): string[] {
  return [
    'link set lo up',
    ...host.uplinks.map(({ underlay, underlayLength }) => address(`${underlay}/${underlayLength}`, 'eth0')),
    'link set eth0 up',
    ...host.uplinks.map(({ router }) => `route add default via ${router}`),
    ...host.pods.flatMap((pod) => [
      // Every pod's cable carries the same gateway address, as a /32 and /128: pods share no L2 either.
      ...host.gateways.map((gateway) => address(single(gateway), pod.port)),
      `link set ${pod.port} up`,
      ...pod.addresses.map((address) => `route add ${single(address)} dev ${pod.port}`),
    ]),
  ];
}

/** A pod: its addresses, and its host as the way to everything. */
export function pod(host: LabHost, pod: LabPod): string[] {
  return [
    'link set lo up',
    ...pod.addresses.map((own) => address(single(own), 'eth0')),
    'link set eth0 up',
    ...host.gateways.map((gateway) => `route add default via ${gateway} dev eth0 onlink`),
  ];
}

/** Kernel settings of a new namespace, before it has interfaces: `[path below /proc/sys/net, value]`. */
export function settings(forwards: boolean): [string, string][] {
  const forwarding = forwards ? '1' : '0';
  return [
    ['ipv4/ip_forward', forwarding],
    ['ipv6/conf/all/forwarding', forwarding],
    // New namespaces may inherit the machine's: the lab must not depend on where it runs.
    ['ipv4/conf/all/rp_filter', '0'],
    ['ipv4/conf/default/rp_filter', '0'],
    ['ipv6/conf/default/disable_ipv6', '0'],
    ['ipv6/conf/default/accept_dad', '0'],
    ['ipv6/conf/default/accept_ra', '0'],
  ];
}

function address(value: string, device: string): string {
  return `address add ${value} dev ${device}${value.includes(':') ? ' nodad' : ''}`;
}

function single(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}
