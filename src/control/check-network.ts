/** What in the machine's network stack hurts podwire's traffic, each with the command that mends it. Pure. */
import { formatAddress, formatPrefix } from '../wire/address.js';
import { gossips, type PlacedConfig } from './config/node-config.js';
import { type Finding, ok, warn } from './finding.js';
import type { FirewallChain, FirewallObstacle, MachineFacts } from './machine-facts.js';

export function firewall(
  config: PlacedConfig,
  { firewall: found, invalidPackets }: Pick<MachineFacts, 'firewall' | 'invalidPackets'>,
): Finding[] {
  if (found === undefined) {
    return [warn('firewall', 'the firewall cannot be read', "run 'podwire check' as root, with nft installed")];
  }
  const closed = found.chains.filter(
    ({ policy, accepts, closedOutside, closedBeside }) =>
      policy === 'drop' && (!accepts || closedOutside || closedBeside),
  );
  const hurting = found.obstacles.filter(({ kind, packets }) => kind !== 'invalid' || (packets ?? invalidPackets) > 0);
  const findings = [
    ...closed.map((chain) => closedChain(config, chain)),
    ...hurting.map((obstacle) => inTheWay(config, obstacle)),
  ];
  return findings.length > 0 ? findings : [ok('firewall', 'no chain or rule seen that stands in the way')];
}

function closedChain(config: PlacedConfig, chain: FirewallChain): Finding {
  const { where, hook, accepts, insert, closedOutside, closedBeside } = chain;
  const command = (rest: string) => `'${insert} ${rest}'`;
  const nft = insert.startsWith('nft');
  const accept = nft ? 'accept' : '-j ACCEPT';
  if (hook === 'input') {
    const port = (protocol: string, number: number) =>
      command(nft ? `${protocol} dport ${number} accept` : `-p ${protocol} --dport ${number} -j ACCEPT`);
    const { port: vxlan } = config.vxlan;
    const gossip = gossips(config) ? [port('udp', config.gossip.port), port('tcp', config.gossip.port)] : [];
    return warn(
      'firewall',
      `${where} drops by policy, and no rule accepts UDP port ${vxlan}: frames of peers are lost`,
      [port('udp', vxlan), ...gossip].join(', '),
    );
  }
  const nor = closedBeside ? ', nor what pods of this node send each other' : '';
  if (accepts && closedOutside) {
    const names = nft ? ['podwire-br', 'pw*'] : ['podwire-br', 'pw+'];
    const ways = names.flatMap((name) =>
      nft ? [`iifname "${name}"`, `oifname "${name}"`] : [`-i ${name}`, `-o ${name}`],
    );
    return warn(
      'firewall',
      `${where} drops by policy, and no rule accepts what pods exchange with the outside${nor}: masqueraded packets and host ports are lost`,
      ways.map((match) => command(`${match} ${accept}`)).join(', '),
    );
  }
  const beside = closedBeside ? rangesOf(config, chain).map((match) => command(`${match} ${accept}`)) : [];
  if (accepts) {
    return warn(
      'firewall',
      `${where} drops by policy, and no rule accepts what pods of this node send each other: their packets are lost`,
      beside.join(', '),
    );
  }
  const device = (nftWord: string, option: string) =>
    nft ? `${nftWord} ${config.device}` : `${option} ${config.device}`;
  return warn(
    'firewall',
    `${where} drops by policy, and no rule accepts ${config.device} both ways${nor}: packets of pods are lost`,
    [
      ...[device('iifname', '-i'), device('oifname', '-o')].map((match) => command(`${match} ${accept}`)),
      ...beside,
    ].join(', '),
  );
}

/** What asks in a chain for packets from the node's pods to its pods. */
function rangesOf({ podCidr, clusterCidr }: PlacedConfig, { family, insert }: FirewallChain): string[] {
  const ranges = podCidr.length > 0 ? podCidr : clusterCidr;
  return ranges
    .filter((range) => family === undefined || range.family === family)
    .map((range) => {
      const text = formatPrefix(range);
      const ip = range.family === 4 ? 'ip' : 'ip6';
      return insert.startsWith('nft') ? `${ip} saddr ${text} ${ip} daddr ${text}` : `-s ${text} -d ${text}`;
    });
}

function inTheWay(config: PlacedConfig, { kind, traffic, where, remove, packets }: FirewallObstacle): Finding {
  const whose = {
    vxlan: `frames of peers (UDP port ${config.vxlan.port})`,
    pods: 'packets of pods',
    beside: 'packets between pods of this node',
    outside: 'packets between pods and the outside (masqueraded ones, host ports)',
  }[traffic];
  const counted = packets === undefined ? '' : ` (${packets} so far)`;
  switch (kind) {
    case 'nat':
      return warn(
        'firewall',
        `${where} changes the addresses of ${whose}: NAT breaks the model, peers see another source or refuse it`,
        `'${remove}', or let it leave out ${config.clusterCidr.map(formatPrefix).join(' and ')}`,
      );
    case 'invalid':
      return warn(
        'firewall',
        `${where} drops what connection tracking calls invalid${counted}: of ${whose} those that go and come by different ways`,
        `'${remove}', or put a rule that accepts ${config.device} before it`,
      );
    default:
      return warn(
        'firewall',
        `${where} drops ${whose}${counted}`,
        `'${remove}', or put a rule that accepts them before it`,
      );
  }
}

/** Strict filtering of sources hurts where the way back to a source is another one. */
export function reversePaths(facts: MachineFacts, underlay: string): Finding[] {
  const { all, underlay: outer } = facts.rpFilter;
  if (outer === undefined || Math.max(all, outer) !== 1) return [];
  return facts.otherWays.map(({ peer, device: other }) =>
    warn(
      'rp_filter',
      `${underlay} filters sources strictly, and the way back to ${formatAddress(peer)} is ${other}: its frames are lost`,
      `'sysctl -w net/ipv4/conf/${underlay}/rp_filter=2'`,
    ),
  );
}

export function disabledIpv6({ device, podCidr }: PlacedConfig, { ipv6Disabled }: MachineFacts): Finding[] {
  if (ipv6Disabled !== true || !podCidr.some(({ family }) => family === 6)) return [];
  const key = `net/ipv6/conf/${device}/disable_ipv6`;
  return [
    warn(
      'ipv6',
      `IPv6 is disabled on ${device}: IPv6 packets of pods are lost`,
      `'sysctl -w ${key}=0', and restart podwire`,
    ),
  ];
}

export function routing({ stealingRules, xfrmPolicies }: MachineFacts): Finding[] {
  const rules = stealingRules.map(({ rule, priority, route, range }) =>
    warn(
      'routes',
      `the routing rule ${rule} sends ${formatPrefix(range)} by ${route}, before the main table is asked: remote pods are not reached`,
      `'ip ${range.family === 6 ? '-6 ' : ''}rule add to ${formatPrefix(range)} lookup main priority ${Math.max(1, priority - 1)}'`,
    ),
  );
  const policies = xfrmPolicies.map(({ selector, blocks }) =>
    warn(
      'xfrm',
      `an IPsec policy ${blocks ? 'blocks' : 'takes'} packets of pods: ${selector}`,
      `'ip xfrm policy delete ${selector}', if it is not meant`,
    ),
  );
  return [...rules, ...policies];
}
