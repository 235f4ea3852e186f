/**
 * Anti-spoofing, as text for `nft`: a pod sends from its own addresses only. One chain a pod, at the ingress of the node's
 * device that leads to it, before bridge and routing: what it does not name is counted, by a counter of the device's name, and
 * dropped. Pure.
 */
import { type Address, formatAddress, parseAddress } from '../wire/address.js';

export const GUARD_FAMILY = 'netdev';
export const GUARD_TABLE = 'podwire';

/** Before what others do there. */
export const PRIORITY = -500;

/** What a host does before it has an address (RFC 4862 §5.4), from `::`. */
const WITHOUT_ADDRESS = '{ nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report }';

/** Makes the pod's chain, or makes it anew. The device must be there. @param mac the pod's */
export function guardText(device: string, mac: string, addresses: readonly Address[]): string {
  const chain = `${GUARD_FAMILY} ${GUARD_TABLE} ${device}`;
  const refuse = `counter name "${device}" drop`;
  const rules = [`ether saddr != ${mac} ${refuse}`, ...ownRules(mac, addresses, refuse), refuse];
  return [
    `add table ${GUARD_FAMILY} ${GUARD_TABLE}`,
    `add counter ${chain}`,
    `add chain ${chain} { type filter hook ingress device "${device}" priority ${PRIORITY}; policy drop; }`,
    `flush chain ${chain}`,
    ...rules.map((rule) => `add rule ${chain} ${rule}`),
    '',
  ].join('\n');
}

/** Takes the pod's chain away; also where there is none. */
export function unguardText(device: string): string {
  const own = `${GUARD_FAMILY} ${GUARD_TABLE} ${device}`;
  return [
    `add table ${GUARD_FAMILY} ${GUARD_TABLE}`,
    `add chain ${own}`,
    `flush chain ${own}`,
    `delete chain ${own}`,
    `add counter ${own}`,
    `delete counter ${own}`,
    '',
  ].join('\n');
}

/** Accept what has the pod's addresses; what is left is to be refused. @param refuse says how */
export function ownRules(mac: string, addresses: readonly Address[], refuse: string): string[] {
  const ipv4 = addresses.filter(({ family }) => family === 4).map(formatAddress);
  const ipv6 = addresses.filter(({ family }) => family === 6).map(formatAddress);
  return [
    ...(ipv4.length > 0 ? ipv4Rules(mac, ipv4) : []),
    ...(ipv6.length > 0 ? ipv6Rules([...ipv6, linkLocal(mac)], refuse) : []),
  ];
}

/** ARP: who says so, and what is said, are both its own; 0.0.0.0 asks whether an address is free (RFC 5227 §1.1). */
function ipv4Rules(mac: string, own: readonly string[]): string[] {
  return [
    `arp saddr ether ${mac} arp saddr ip { ${[...own, '0.0.0.0'].join(', ')} } accept`,
    `ip saddr { ${own.join(', ')} } accept`,
  ];
}

/** Neighbour advertisements speak for their target (RFC 4861 §4.4), 8 bytes into ICMPv6. A pod is no router. */
function ipv6Rules(own: readonly string[], refuse: string): string[] {
  return [
    `ip6 saddr :: icmpv6 type ${WITHOUT_ADDRESS} accept`,
    `ip6 saddr != { ${own.join(', ')} } ${refuse}`,
    `icmpv6 type { nd-router-advert, nd-redirect } ${refuse}`,
    ...own.map((address) => `icmpv6 type nd-neighbor-advert @th,64,128 ${numberOf(address)} accept`),
    `icmpv6 type nd-neighbor-advert ${refuse}`,
    'ether type ip6 accept',
  ];
}

/** fe80:: and the MAC as EUI-64 (RFC 4291, appendix A). */
export function linkLocal(mac: string): string {
  const [a, b, c, d, e, f] = mac.split(':').map((octet) => Number.parseInt(octet, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return formatAddress({
    family: 6,
    words: [0xfe800000 | 0, 0, (groups[0] << 16) | groups[1], (groups[2] << 16) | groups[3]],
  });
}

/** An IPv6 address as `nft` writes a number. */
function numberOf(text: string): string {
  const words = parseAddress(text)?.words ?? [0, 0, 0, 0];
  return `0x${words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')}`;
}
