/**
 * Anti-spoofing of macvlan pods, as text for `nft`: what leaves the parent towards the network, and what comes to the node
 * or to a pod from a pod's MAC, is held against that pod's addresses. Made anew as a whole in one transaction. Pure.
 *
 * | hook              | what passes there                                   | whose MAC is unknown |
 * |-------------------|-----------------------------------------------------|----------------------|
 * | parent, egress    | all that goes out, the node's own too               | dropped              |
 * | parent, ingress   | unicast from pod to pod and to the node; the network | somebody out there   |
 * | sibling, ingress  | what pods send to the node, and everybody to all    | dropped              |
 *
 * A pod's frames to all the other pods of the node at once (ARP, ND) pass no hook of the node.
 */
import { formatPrefix, type Prefix, parseAddress } from '../wire/address.js';
import { deviceName } from './device-name.js';
import { GUARD_FAMILY, ownRules, PRIORITY } from './guard.js';
import type { NodeLink } from './kernel.js';
import { type PodRecord, podKey } from './pod-record.js';

export const MACVLAN_TABLE = 'podwire_macvlan';
/** Begins the names of chains that are no pod's. */
export const COMMON = 'podwire-';
/** Before conntrack sees it (nftables: raw). */
const RAW = -300;

/**
 * @param links of the node; pods on a device that is not there are left out
 * @param subnets the node's own
 */
export function macvlanText(
  records: readonly PodRecord[],
  links: readonly NodeLink[],
  clusterCidr: readonly Prefix[],
  subnets: readonly Prefix[],
): string {
  const tables = [GUARD_FAMILY, 'inet'].map((family) => `${family} ${MACVLAN_TABLE}`);
  // Deleting what is not there fails: it is made first.
  const away = tables.flatMap((table) => [`add table ${table}`, `delete table ${table}`]);
  const groups = new Map<NodeLink, PodRecord[]>();
  for (const record of records) {
    const parent = links.find(({ name }) => name === record.underlay?.parent);
    if (parent && links.some(({ name }) => name === record.device))
      groups.set(parent, [...(groups.get(parent) ?? []), record]);
  }
  if (groups.size === 0) return [...away, ''].join('\n');
  const siblings = [...groups.values()].map(([{ device }]) => device);
  return [
    ...away,
    `table ${tables[0]} {`,
    ...[...groups].flatMap(([parent, pods]) => parentLines(parent, pods, links)),
    '}',
    `table ${tables[1]} {`,
    '  chain prerouting {',
    `    type filter hook prerouting priority ${RAW}; policy accept;`,
    ...siblings.flatMap((sibling) => untracked(sibling, clusterCidr, subnets)).map((rule) => `    ${rule}`),
    '  }',
    '}',
    '',
  ].join('\n');
}

function parentLines(parent: NodeLink, pods: readonly PodRecord[], links: readonly NodeLink[]): string[] {
  const { name, mac } = parent;
  const [{ device: sibling }] = pods;
  const onParent = links.filter(({ link }) => link === name);
  const own = new Set([mac, ...onParent.map((link) => link.mac)]);
  const elements = [
    ...[...own].map((one) => `${one} : accept`),
    ...pods.map((pod) => `${pod.mac} : goto ${deviceName(podKey(pod))}`),
  ];
  const known = `ether saddr vmap @macs-${name}`;
  const hook = (chain: string, where: string, device: string, rules: readonly string[]) => [
    `  chain ${COMMON}${chain}-${name} {`,
    `    type filter hook ${where} device "${device}" priority ${PRIORITY}; policy accept;`,
    ...rules.map((rule) => `    ${rule}`),
    '  }',
  ];
  // Behind a VLAN of the parent may be a bridge, with anybody's MACs.
  const tagged = onParent.some(({ kind }) => kind === 'vlan') ? ['ether type vlan accept'] : [];
  return [
    `  map macs-${name} {`,
    '    type ether_addr : verdict',
    `    elements = { ${elements.join(', ')} }`,
    '  }',
    ...pods.flatMap((pod) => [
      `  chain ${deviceName(podKey(pod))} {`,
      ...ownRules(
        pod.mac,
        pod.addresses.flatMap((text) => parseAddress(text) ?? []),
        'drop',
      ).map((rule) => `    ${rule}`),
      '    drop',
      '  }',
    ]),
    ...hook('out', 'egress', name, [known, ...tagged, 'drop']),
    ...hook('in', 'ingress', name, [known]),
    ...hook('node', 'ingress', sibling, [known, 'drop']),
  ];
}

/**
 * What pods send to other nodes' pods passes here, the answers do not: they come on the shared network. Conntrack, which
 * sees one half, would take the rest for invalid, and firewalls drop that.
 */
function untracked(sibling: string, clusterCidr: readonly Prefix[], subnets: readonly Prefix[]): string[] {
  return clusterCidr.map((range) => {
    const ip = range.family === 4 ? 'ip' : 'ip6';
    const own = subnets.filter(({ family }) => family === range.family).map(formatPrefix);
    const elsewhere = own.length > 0 ? ` ${ip} daddr != { ${own.join(', ')} }` : '';
    return `iifname "${sibling}" ${ip} daddr ${formatPrefix(range)}${elsewhere} notrack`;
  });
}
