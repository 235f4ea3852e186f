/** What pods may leave on a host. */
import type { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';

export * from '../../src/lab/containers.js';

/** What a host has that a pod may have left: devices, rules, routes, chains. */
export async function traces(lab: Lab, host: LabHost): Promise<string> {
  const commands = [
    'ip -o link show | sed "s/^[0-9]*: //" | cut -d: -f1',
    'ip route show table all; ip -6 route show table all',
    'ip rule show; ip -6 rule show',
    'nft list ruleset',
    'ip neigh show proxy; ip -6 neigh show proxy',
  ];
  const { stdout } = await lab.exec(host, ['sh', '-c', commands.join('; ')]);
  // The kernel notes a bridge without ports when it comes to it, and some routes in the order of their making.
  return stdout
    .replaceAll(/ expires \d+sec| linkdown/g, '')
    .split('\n')
    .sort()
    .join('\n');
}
