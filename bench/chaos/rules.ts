/**
 * What counts packets along the way, and what makes faults of them, as text for `nft -f`: pure.
 *
 * Flows are told apart by the inner port. Only datagrams that are never fragmented are counted: outer IPv4, then
 *
 * ```
 *   UDP 8 | VXLAN 8 | Ethernet 14 | IPv4 20 or IPv6 40 | UDP: source, destination
 *                          ^ 28: ethertype     protocol: byte 39 or 36; port: byte 52 or 72
 * ```
 */
import type { LabHost } from '../../src/lab/plan.js';
import type { Fault } from './schedule.js';

const PORT = 8472;
/** The port of the datagrams that are counted one by one (bench/chaos/pod.ts). */
const FLOW = 7009;

const OVERLAY = `udp dport ${PORT}`;
const INNER = [
  `${OVERLAY} @th,224,16 0x0800 @th,312,8 17 @th,416,16 ${FLOW}`,
  `${OVERLAY} @th,224,16 0x86dd @th,288,8 17 @th,576,16 ${FLOW}`,
];
/** Frames with packets: path probes are sent beside `tx_frames`, and are no pod's. */
const FRAME = `${OVERLAY} @th,224,16 { 0x0800, 0x86dd }`;
/** HTB's class for the slow way, as a packet's priority. */
const SLOW = 0x0001_0002;

/**
 * In the router: counters of what comes from each host, what is routed to it and what goes to it, and an empty place for a
 * fault. What is routed and does not go waited for a neighbour's address in vain.
 */
export function routerRules(hosts: readonly LabHost[]): string {
  const comes = hosts.flatMap(({ name }) => [
    `iifname "${name}" ${FRAME} counter name all_in_${name}`,
    ...INNER.map((match) => `iifname "${name}" ${match} counter name flow_in_${name}`),
  ]);
  const leaves = hosts.flatMap(({ name }) =>
    INNER.map((match) => `oifname "${name}" ${match} counter name flow_routed_${name}`),
  );
  const goes = ({ name }: LabHost) => [
    `${FRAME} counter name all_out_${name}`,
    ...INNER.map((match) => `${match} counter name flow_out_${name}`),
    'jump fault',
  ];
  const both = (way: string, names: readonly LabHost[]) =>
    names.flatMap(({ name }) => [`counter all_${way}_${name} {}`, `counter flow_${way}_${name} {}`]);
  return [
    'table inet chaos {',
    ...both('in', hosts),
    ...hosts.map(({ name }) => `counter flow_routed_${name} {}`),
    'counter lost {}',
    chain('comes', 'type filter hook prerouting priority -300;', comes),
    'chain fault {}',
    chain('forwarded', 'type filter hook forward priority 0;', ['jump fault']),
    'chain way {}',
    chain('leaves', 'type filter hook postrouting priority 0;', [...leaves, 'jump way']),
    'chain words {}',
    chain('own', 'type filter hook output priority 0;', ['jump words']),
    '}',
    'table netdev chaos {',
    ...both('out', hosts),
    'counter twice {}',
    'chain fault {}',
    ...hosts.map((host) => chain(host.name, `type filter hook egress device "${host.name}" priority 0;`, goes(host))),
    '}',
    '',
  ].join('\n');
}

/**
 * On a host: what pods hand to the overlay's device; what podwire hands to the kernel, and how much of that gets to the
 * link: frames that wait for a neighbour's address are dropped by the kernel without a word. Both see messages of up to
 * 64 frames as one packet (`payloadOf` for what is the same in both).
 */
export function hostRules(device: string): string {
  return [
    'table inet chaos {',
    'counter handed {}',
    'counter posted {}',
    chain('way', 'type filter hook forward priority 0;', [
      `iifname "pod*" oifname "${device}" udp dport ${FLOW} counter name handed`,
    ]),
    chain('own', 'type filter hook output priority 0;', [`${FRAME} counter name posted`]),
    '}',
    'table netdev chaos {',
    'counter left {}',
    chain('leaves', 'type filter hook egress device "eth0" priority 0;', [`${FRAME} counter name left`]),
    '}',
    '',
  ].join('\n');
}

/** What a fault adds in the router; nothing if it is none of the router's rules. @param hosts all of the lab */
export function faultRules(fault: Fault, hosts: readonly LabHost[]): string[] {
  switch (fault.kind) {
    case 'loss': {
      const scope = fault.everything ? '' : OVERLAY;
      return [`add rule inet chaos fault ${scope} numgen random mod 100 < ${fault.percent} counter name lost drop`];
    }
    case 'duplication':
      return hosts.map(
        ({ name }) =>
          `add rule netdev chaos fault oifname "${name}" ${OVERLAY} numgen random mod 100 < ${fault.percent} ` +
          `counter name twice dup to "${name}"`,
      );
    // Neighbours take the slow way together: its first goes at once, and the others wait behind it.
    case 'reordering':
      return [
        `add rule inet chaos way oifname "${fault.host}" numgen inc mod 100 < ${fault.percent} meta priority set ${SLOW}`,
      ];
    case 'narrow':
      return fault.told ? [] : ['add rule inet chaos words icmp type destination-unreachable counter drop'];
    case 'partition': {
      const side = fault.hosts.map((name) => `"${name}"`).join(', ');
      return [
        `add rule inet chaos fault iifname { ${side} } oifname != { ${side} } counter name lost drop`,
        `add rule inet chaos fault iifname != { ${side} } oifname { ${side} } counter name lost drop`,
      ];
    }
    default:
      return [];
  }
}

/** Takes all of a fault's rules away. */
export const NO_FAULT: readonly string[] = [
  'flush chain inet chaos fault',
  'flush chain inet chaos way',
  'flush chain inet chaos words',
  'flush chain netdev chaos fault',
];

export interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

/** By name. @param json what `nft -j list counters` printed */
export function countersIn(json: string): Record<string, Counter> {
  const { nftables } = JSON.parse(json) as { nftables: { counter?: Counter & { name: string } }[] };
  return Object.fromEntries(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter]] : [])));
}

const UDP_IPV4 = 28;
const ETHERNET = 14;

/**
 * Bytes behind the outer UDP headers. A counter takes a message of many frames (`UDP_SEGMENT`) for one packet with one
 * header until the kernel has cut it; the bytes behind are the same before and after.
 * @param where `ip`: in a hook of IP; `link`: in one of a device's egress, which sees the Ethernet header too
 */
export function payloadOf({ packets, bytes }: Counter, where: 'ip' | 'link'): number {
  return bytes - packets * (where === 'ip' ? UDP_IPV4 : UDP_IPV4 + ETHERNET);
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return `chain ${name} {\n${hook}\n${rules.join('\n')}\n}`;
}
