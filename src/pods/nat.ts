/**
 * What comes before the model and is only done where it is asked for, as text for `nft`: SNAT for what leaves the cluster
 * (`masquerade`), and ports of the node that lead to pods (`portMappings`). One table of podwire's own, made anew as a whole
 * in one transaction; without any such pod there is none. Pure.
 */
import { formatPrefix, type Prefix } from '../wire/address.js';
import type { PodRecord, PortMapping } from './pod-record.js';

export const NAT_FAMILY = 'inet';
export const NAT_TABLE = 'podwire_nat';

/** Does a pod need the table? */
export function needsNat({ masquerade, ports }: Pick<PodRecord, 'masquerade' | 'ports'>): boolean {
  return masquerade || ports.length > 0;
}

export function natText(records: readonly PodRecord[], clusterCidr: readonly Prefix[], tun: string): string {
  const table = `${NAT_FAMILY} ${NAT_TABLE}`;
  // Deleting what is not there fails: it is made first.
  const away = [`add table ${table}`, `delete table ${table}`];
  const asking = records.filter(needsNat);
  const siblings = [...new Set(records.flatMap(({ device, underlay }) => (underlay ? [device] : [])))];
  if (asking.length === 0) return [...away, ''].join('\n');
  const ports = asking.flatMap((record) => record.ports.flatMap((port) => portRules(port, record.addresses)));
  return [
    ...away,
    `table ${table} {`,
    '  chain ports {',
    ...ports.map((rule) => `    ${rule}`),
    '  }',
    '  chain prerouting {',
    '    type nat hook prerouting priority dstnat; policy accept;',
    '    fib daddr type local jump ports',
    '  }',
    '  chain output {',
    '    type nat hook output priority -100; policy accept;',
    '    fib daddr type local jump ports',
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...asking.flatMap((record) => sourceRules(record, clusterCidr, [tun, ...siblings])).map((rule) => `    ${rule}`),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** A port leads to the pod's address of the family that it is asked at. */
function portRules({ hostPort, containerPort, protocol, hostIP }: PortMapping, addresses: readonly string[]): string[] {
  return addresses
    .filter((address) => hostIP === undefined || hostIP.includes(':') === address.includes(':'))
    .map((address) => {
      const ipv6 = address.includes(':');
      const [ip, nf] = ipv6 ? ['ip6', 'ipv6'] : ['ip', 'ipv4'];
      const at = hostIP === undefined ? '' : `${ip} daddr ${hostIP} `;
      const to = ipv6 ? `[${address}]:${containerPort}` : `${address}:${containerPort}`;
      return `meta nfproto ${nf} ${at}${protocol} dport ${hostPort} dnat ${ip} to ${to}`;
    });
}

function sourceRules(
  { addresses, masquerade, ports }: PodRecord,
  clusterCidr: readonly Prefix[],
  inside: readonly string[],
): string[] {
  const elsewhere = inside.map((device) => `oifname != "${device}"`).join(' ');
  return addresses.flatMap((address) => {
    const ip = address.includes(':') ? 'ip6' : 'ip';
    const cluster = clusterCidr.filter(({ family }) => (family === 6) === (ip === 'ip6')).map(formatPrefix);
    // The cluster may have no range of a family in which a macvlan pod has an address.
    const abroad = cluster.length > 0 ? `${ip} daddr != { ${cluster.join(', ')} } ` : '';
    return [
      // Asking itself through the node's port it would get an answer from itself.
      ...(ports.length > 0 ? [`${ip} saddr ${address} ${ip} daddr ${address} ct status dnat masquerade`] : []),
      ...(masquerade ? [`${ip} saddr ${address} ${abroad}${elsewhere} fib daddr type unicast masquerade`] : []),
    ];
  });
}
