/**
 * The way from pods to other nodes' underlay addresses: through the tunnel, because the networks below pass nothing that
 * bears a pod's address. The node's own packets to the same addresses go on below, those of the tunnel among them: so the
 * routes stand in a table of their own, which rules ask for what comes from a pod.
 *
 * The way from macvlan pods to other nodes' pods: without the tunnel, which would not believe their addresses to be this
 * node's. It leads to those nodes that stand in the same network; to others there is none, and the pod is told so. Pure.
 */
import {
  type Address,
  familyBits,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  prefixContains,
  prefixOf,
} from '../wire/address.js';
import type { OnUnderlay } from './pod-record.js';

/** Number of the table. */
export const TABLE = 8472;
/** For what comes from macvlan pods. */
export const DIRECT_TABLE = 8473;
/** Before the main table's rule (32766), behind what administrators use. */
export const PREFERENCE = 30_084;

export interface UnderlayRoutes {
  readonly subnets: readonly Prefix[];
  /** Underlay addresses of the peers. */
  readonly peers: readonly Address[];
  /** The node's macvlans beside its pods. */
  readonly siblings: readonly string[];
  /** Of their table, as `ip` has them. */
  readonly direct: readonly string[];
}

/** As much of a peer as routes need. */
export interface RoutedPeer {
  readonly podCidr: readonly Prefix[];
  readonly underlays: readonly Address[];
}

/** What comes from macvlan pods to the cluster's ranges. @param beside where these pods stand */
export function directRoutes(
  beside: readonly OnUnderlay[],
  peers: readonly RoutedPeer[],
  node: Pick<UnderlayRoutes, 'subnets'> & { readonly clusterCidr: readonly Prefix[] },
): string[] {
  if (beside.length === 0) return [];
  const networks = beside.flatMap(({ parent, networks }) =>
    networks.flatMap((text) => {
      const [host, length] = text.split('/');
      const address = parseAddress(host);
      return address ? [{ parent, prefix: prefixOf(address, Number(length)) }] : [];
    }),
  );
  const ways = peers.flatMap(({ podCidr, underlays }) =>
    podCidr.flatMap((subnet) => {
      const via = underlays.find(({ family }) => family === subnet.family);
      const near = via && networks.find(({ prefix }) => prefixContains(prefix, via));
      return via && near ? [`${formatPrefix(subnet)} via ${formatAddress(via)} dev ${near.parent}`] : [];
    }),
  );
  return [
    // The node's own pods: as the main table has them.
    ...node.subnets.map((subnet) => `throw ${formatPrefix(subnet)}`),
    ...ways,
    ...node.clusterCidr.map((range) => `unreachable ${formatPrefix(range)}`),
  ];
}

/** From what is there to what is wanted: lines of `ip`, of which those that remove may fail. @param tun the device */
export function underlayLines(
  there: UnderlayRoutes,
  wanted: UnderlayRoutes,
  tun: string,
): { remove: string[]; add: string[] } {
  const [rules, newRules] = [rulesOf(there), rulesOf(wanted)];
  const [routes, newRoutes] = [routesOf(there, tun), routesOf(wanted, tun)];
  const missing = (from: readonly string[], of: readonly string[]) => {
    const known = new Set(of);
    return from.filter((line) => !known.has(line));
  };
  return {
    remove: [
      ...missing(rules, newRules).map((line) => `rule del ${line}`),
      ...missing(routes, newRoutes).map((line) => `route del ${line}`),
    ],
    add: [
      ...missing(newRoutes, routes).map((line) => `route replace ${line}`),
      ...missing(newRules, rules).map((line) => `rule add ${line}`),
    ],
  };
}

/** A line of `direct`, of what `ip -json route show` says. */
export function directRoute(route: {
  readonly dst: string;
  readonly type?: string;
  readonly gateway?: string;
  readonly dev?: string;
}): string {
  const { dst, type, gateway, dev } = route;
  return gateway === undefined ? `${type} ${dst}` : `${dst} via ${gateway} dev ${dev}`;
}

function rule(subnet: Prefix): string {
  return `from ${formatPrefix(subnet)} lookup ${TABLE} pref ${PREFERENCE} protocol 84`;
}

function rulesOf({ subnets, siblings }: UnderlayRoutes): string[] {
  const families = new Set(subnets.map(({ family }) => (family === 4 ? '0.0.0.0/0' : '::/0')));
  const direct = siblings.flatMap((sibling) =>
    [...families].map((all) => `from ${all} iif ${sibling} lookup ${DIRECT_TABLE} pref ${PREFERENCE} protocol 84`),
  );
  return [...subnets.map(rule), ...direct];
}

function routesOf({ subnets, peers, direct }: UnderlayRoutes, tun: string): string[] {
  return [
    ...peers
      .filter(({ family }) => subnets.some((subnet) => subnet.family === family))
      .map((peer) => `${formatAddress(peer)}/${familyBits(peer.family)} dev ${tun} table ${TABLE} protocol 84`),
    ...direct.map((route) => `${route} table ${DIRECT_TABLE} protocol 84`),
  ];
}
