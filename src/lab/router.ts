/**
 * The router between the hosts, as text: pure. It stands for a network that carries nothing but IP from each host's own
 * address: it knows the hosts' subnets and nothing of pods, and asks of every packet where it comes from.
 *
 * The filter is two policy rules a port, so it needs no firewall and is the same for IPv4 and IPv6:
 *
 * ```
 *   iif alpha from 10.101.1.2  ->  the routing table
 *   iif alpha                  ->  unreachable
 * ```
 *
 * What has no route, by its source or by its destination, is dropped and counted by the kernel as `InNoRoutes`.
 */
import { type LabPlan, type Place, routerOf } from './plan.js';

/** What routers in a row call their cable to each other. */
export const FAR_PORT = 'far';
export const NEAR_PORT = 'near';

/** Lines for `ip -4 -batch` or `ip -6 -batch`, for each of the lab's families, in a router's namespace. */
export function router(plan: LabPlan, family: 4 | 6, place: Place = plan.router): string[] {
  if (plan.sharedL2) return ['link set lo up', ...lanAddress(plan, family)];
  const lines = ['link set lo up', ...transit(plan, family, place)];
  for (const host of plan.hosts) {
    if (routerOf(plan, host) !== place) continue;
    const uplink = host.uplinks.find((one) => one.family === family);
    if (uplink) {
      const dad = family === 6 ? ' nodad' : '';
      lines.push(`address add ${uplink.router}/${uplink.underlayLength} dev ${host.name}${dad}`);
    }
    lines.push(`link set ${host.name} up`);
    if (!plan.filter) continue;
    if (uplink) lines.push(`rule add iif ${host.name} from ${uplink.underlay} lookup main pref 10`);
    lines.push(`rule add iif ${host.name} unreachable pref 11`);
  }
  return lines;
}

/** The bridge that all hosts are ports of. */
const LAN = 'lan';

/** Lines for `ip -batch` that make it, before all others. */
export function lan({ hosts }: LabPlan): string[] {
  const ports = hosts.map(({ name }) => `link set ${name} master ${LAN} up`);
  return [`link add ${LAN} type bridge`, ...ports, `link set ${LAN} up`];
}

function lanAddress({ hosts }: LabPlan, family: 4 | 6): string[] {
  const uplink = hosts.flatMap(({ uplinks }) => uplinks).find((one) => one.family === family);
  if (!uplink) return [];
  return [`address add ${uplink.router}/${uplink.underlayLength} dev ${LAN}${family === 6 ? ' nodad' : ''}`];
}

/** The cable between two routers, and the way to the hosts behind it. */
function transit({ far }: LabPlan, family: 4 | 6, place: Place): string[] {
  if (!far) return [];
  const here = place === far ? 2 : 1;
  const port = place === far ? NEAR_PORT : FAR_PORT;
  const at = (end: number) => (family === 4 ? `10.101.0.${end}` : `fd00:101::${end}`);
  return [
    `address add ${at(here)}/${family === 4 ? 24 : 64} dev ${port}${family === 6 ? ' nodad' : ''}`,
    `link set ${port} up`,
    `route add default via ${at(3 - here)}`,
  ];
}

/** What the kernel's counters of a router say; both families together. */
export interface RouterCounters {
  /** Packets sent on from one host to another. */
  readonly forwarded: number;
  /** Packets dropped: their source is not the sending host's address, or their destination is no host's. */
  readonly refused: number;
}

/** The files that `routerCounters` reads, as the router sees them. */
export const COUNTER_FILES = ['/proc/net/snmp', '/proc/net/netstat', '/proc/net/snmp6'];

/** @param text the counter files, one after the other */
export function routerCounters(text: string): RouterCounters {
  const values = new Map<string, number>();
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const [group, ...words] = line.split(/\s+/);
    if (group.startsWith('Ip6')) values.set(group, Number(words[0]));
    // snmp and netstat: a line of names, then a line of values, both beginning with the group.
    const next = lines[index + 1]?.split(/\s+/);
    if (!group.endsWith(':') || next?.[0] !== group) continue;
    for (const [column, name] of words.entries()) values.set(`${group}${name}`, Number(next[column + 1]));
  }
  const sum = (...names: string[]) => names.reduce((total, name) => total + (values.get(name) ?? 0), 0);
  return {
    forwarded: sum('Ip:ForwDatagrams', 'Ip6OutForwDatagrams'),
    refused: sum('IpExt:InNoRoutes', 'Ip6InNoRoutes'),
  };
}
