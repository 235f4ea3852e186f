/** What the kernel has, in our types, read through `ip -json`. */
import type { DesiredHost } from '../control/desired-host.js';
import type { ActualHost, ActualRoute } from '../control/host-plan.js';
import { formatPrefix, type Prefix, parsePrefix } from '../wire/address.js';
import { ipQuery } from './ip-batch.js';

/** The parts that we read of an interface in `ip -json address show`. */
export interface IpInterface {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly addr_info: readonly { readonly local?: string; readonly prefixlen: number }[];
}

/** The parts that we read of a route in `ip -json route show`. */
export interface IpRoute {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly table?: string;
  readonly protocol?: string;
  readonly metric?: number;
}

/** As much as a desired state touches. */
export async function observeHost(desired: DesiredHost): Promise<ActualHost> {
  const [device, ...routes] = await ipQuery([
    `address show dev ${desired.device}`,
    // `table main` would mean IPv4 only; the others are left out below.
    ...desired.routes.map((route) => `route show table all exact ${formatPrefix(route.destination)}`),
  ]);
  const [link] = (device ?? []) as IpInterface[];
  return {
    addresses: link === undefined ? undefined : addressesOf(link),
    routes: routes.flatMap((found) => routesOf((found ?? []) as IpRoute[])),
  };
}

/** Is there a device of this name, whosever? */
export async function deviceExists(device: string): Promise<boolean> {
  const [link] = await ipQuery([`link show dev ${device}`]);
  return link !== undefined;
}

/** An interface's addresses, each as a prefix of host length. */
export function addressesOf(link: IpInterface): Prefix[] {
  return link.addr_info.flatMap(({ local }) => (local === undefined ? [] : (readPrefix(local) ?? [])));
}

/** Routes of the main table with a destination; `default` has none. */
export function routesOf(routes: readonly IpRoute[]): ActualRoute[] {
  return routes.flatMap((route) => {
    const destination = readPrefix(route.dst);
    if (destination === undefined || route.table !== undefined) return [];
    return {
      destination,
      type: route.type ?? 'unicast',
      ...(route.dev === undefined ? {} : { device: route.dev }),
      ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
      protocol: route.protocol ?? 'boot',
      metric: route.metric ?? 0,
    };
  });
}

/** `ip` leaves /32 and /128 out. */
function readPrefix(text: string): Prefix | undefined {
  const whole = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  const prefix = parsePrefix(whole);
  return typeof prefix === 'string' ? undefined : prefix;
}
