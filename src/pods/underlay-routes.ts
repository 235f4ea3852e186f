/**
 * The way from pods to other nodes' underlay addresses: through the tunnel, because the networks below pass nothing that
 * bears a pod's address. The node's own packets to the same addresses go on below, those of the tunnel among them: so the
 * routes stand in a table of their own, which rules ask for what comes from a pod. Pure.
 */
import { type Address, familyBits, formatAddress, formatPrefix, type Prefix } from '../wire/address.js';

/** Number of the table. */
export const TABLE = 8472;
/** Before the main table's rule (32766), behind what administrators use. */
export const PREFERENCE = 30_084;

export interface UnderlayRoutes {
  readonly subnets: readonly Prefix[];
  /** Underlay addresses of the peers. */
  readonly peers: readonly Address[];
}

/** From what is there to what is wanted: lines of `ip`, of which those that remove may fail. @param tun the device */
export function underlayLines(
  there: UnderlayRoutes,
  wanted: UnderlayRoutes,
  tun: string,
): { remove: string[]; add: string[] } {
  const [rules, newRules] = [there.subnets.map(rule), wanted.subnets.map(rule)];
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

function rule(subnet: Prefix): string {
  return `from ${formatPrefix(subnet)} lookup ${TABLE} pref ${PREFERENCE} protocol 84`;
}

function routesOf({ subnets, peers }: UnderlayRoutes, tun: string): string[] {
  return peers
    .filter(({ family }) => subnets.some((subnet) => subnet.family === family))
    .map((peer) => `${formatAddress(peer)}/${familyBits(peer.family)} dev ${tun} table ${TABLE} protocol 84`);
}
