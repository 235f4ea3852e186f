/**
 * The pod stands in the node's own network, with an address of it. The node's device cannot talk to what hangs on it: a
 * second macvlan beside the pods', in the node, is how node and pods reach each other.
 *
 * ```
 *                 +-- eth0, the parent -- the network
 * pod eth0 -------+
 *                 +-- pwmv-eth0, the sibling (a route and a neighbour for each pod) -- routes -- podwire0
 * ```
 */
import {
  type Address,
  addressAt,
  familyBits,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  prefixContains,
  prefixOf,
  sameAddress,
} from '../../wire/address.js';
import type { Attachment, Choice, PodNode, PodPlan, Preparation } from '../attachment.js';
import type { NetworkConfig } from '../cni/request.js';
import type { CniResult } from '../cni/result.js';
import { deviceName, macOfSibling, siblingName } from '../device-name.js';
import type { NodeLink } from '../kernel.js';
import { type OnUnderlay, type PodRecord, podKey } from '../pod-record.js';
import { everything, forwarding, OURS, podSysctls, single } from './parts.js';

export const macvlan: Attachment = { choose, prepare, plan, renew };

/** While a network is asked whether an address is free, milliseconds between questions; and ever after. */
const ASKING = '100';
const USUAL = '1000';

/** Kinds of devices that pass on what their ports receive, and let nothing else hang on a port. */
const SWITCHES = ['bridge', 'bond', 'team', 'openvswitch'];

function choose(network: NetworkConfig, links: readonly NodeLink[]): Choice | string {
  const { device, range, gateways, ports } = network;
  if (range.length === 0)
    return 'attach is macvlan, and range does not say which addresses pods may have: name a part of the network that nobody else uses, such as 192.0.2.64/27';
  if (new Set(range.map(({ family }) => family)).size < range.length)
    return 'range names two ranges of one family: a pod has one address a family';
  if (ports.length > 0)
    return 'portMappings lead through the node, and a macvlan pod answers past it: ask it at its own address';
  const holds = (link: NodeLink, one: Prefix) => networksOf(link.networks).find(({ prefix }) => contains(prefix, one));
  const parent = links.find((link) => (device === undefined ? holds(link, range[0]) : link.name === device));
  if (!parent)
    return device === undefined
      ? `no device of the node has an address of the network that ${formatPrefix(range[0])} is a part of: range must be of the node's own network`
      : `the node has no device ${device}`;
  const unfit = whyUnfit(parent, links);
  if (unfit !== undefined) return `${parent.name} cannot carry macvlan pods: ${unfit}`;
  const stray = range.find((one) => !holds(parent, one));
  if (stray)
    return `range: ${formatPrefix(stray)} is not of a network of ${parent.name}, which holds ${parent.networks.join(', ') || 'no address'}`;
  const hops = gateways.length > 0 ? gateways.map(formatAddress) : parent.gateways;
  const families = range.map(({ family }) => family);
  const nextHops = hops.filter((hop) => families.includes(hop.includes(':') ? 6 : 4) && !hop.startsWith('fe80:'));
  const astray = nextHops.find((hop) => !networksOf(parent.networks).some(({ prefix }) => isIn(prefix, hop)));
  if (astray !== undefined) return `gateway: ${astray} is not of a network of ${parent.name}`;
  const underlay: OnUnderlay = {
    parent: parent.name,
    siblingMac: macOfSibling(parent.mac),
    networks: parent.networks.filter((text) => !text.startsWith('fe80:')),
    gateways: families.flatMap((family) => nextHops.find((hop) => hop.includes(':') === (family === 6)) ?? []),
  };
  return {
    device: siblingName(parent.name),
    mtu: parent.mtu,
    alone: false,
    underlay,
    range: range.map((one) => ({ range: one, reserved: othersIn(one, underlay) })),
  };
}

function whyUnfit(parent: NodeLink, links: readonly NodeLink[]): string | undefined {
  const { type, wireless, kind, up, master } = parent;
  if (type === 'loopback') return 'it is the loopback device; name the one that leads to the network';
  if (type !== 'ether') return 'it is no Ethernet device, so there are no MACs behind it; use attach: bridge or ptp';
  if (wireless) return 'it is wireless, and an access point takes one MAC from each station; use attach: bridge or ptp';
  if (['macvlan', 'macvtap', 'ipvlan'].includes(kind))
    return `it is a ${kind} itself; name the device that it hangs on`;
  const over = links.find(({ name }) => name === master);
  if (over && SWITCHES.includes(over.kind)) return `it is a port of the ${over.kind} ${over.name}; name ${over.name}`;
  if (!up) return 'it is down';
  return undefined;
}

/** Addresses that no pod may have: the node's, the gateways', the network's own and its broadcast address. */
function othersIn(range: Prefix, { networks, gateways }: OnUnderlay): Address[] {
  const known = [
    ...networksOf(networks).map(({ address }) => address),
    ...gateways.flatMap((one) => parseAddress(one) ?? []),
  ];
  const ends = networksOf(networks).flatMap(({ prefix }) => [
    addressAt(prefix, 0),
    ...(prefix.family === 4 ? [addressAt(prefix, 2 ** (32 - prefix.length) - 1)] : []),
  ]);
  const all = [...known, ...ends].filter((one) => prefixContains(range, one));
  return all.filter((one, i) => all.findIndex((other) => sameAddress(other, one)) === i);
}

function prepare(node: PodNode, { device, underlay }: PodRecord): Preparation {
  if (!underlay) return { make: [], sysctls: [], lines: [] };
  return {
    make: [
      `link add link ${underlay.parent} name ${device} address ${underlay.siblingMac} type macvlan mode bridge`,
      // The parent's MTU may leave no IPv6: then the kernel refuses, and there is no link-local address anyway.
      `link set dev ${device} addrgenmode none`,
    ],
    sysctls: [
      ...forwarding(node.subnets),
      // The network must not learn the node's address from it: pods know the sibling without asking.
      { path: `net/ipv4/conf/${device}/arp_ignore`, value: '8', needed: true },
      { path: `net/ipv6/conf/${device}/accept_ra`, value: '0', needed: false },
    ],
    lines: [`link set dev ${device} up`],
  };
}

interface Standing {
  readonly address: Address;
  readonly length: number;
  /** The node's address in the same network. */
  readonly node: Address;
}

function standings({ addresses, underlay }: PodRecord): Standing[] {
  return addresses.flatMap((text) => {
    const own = networksOf(underlay?.networks ?? []).find(({ prefix }) => isIn(prefix, text));
    const address = parseAddress(text);
    return own && address ? [{ address, length: own.prefix.length, node: own.address }] : [];
  });
}

/** What of the cluster's range a pod reaches through its node. */
interface ClusterRoute {
  readonly range: Prefix;
  readonly via: Address;
  readonly mtu: number;
}

function clusterRoutes(node: PodNode, places: readonly Standing[]): ClusterRoute[] {
  return node.clusterCidr.flatMap((range) => {
    const place = places.find(({ address }) => address.family === range.family);
    return place ? [{ range, via: place.node, mtu: node.mtu }] : [];
  });
}

function plan(record: PodRecord, node: PodNode): PodPlan {
  const { ifname, mac, mtu, netns, underlay } = record;
  const { parent = '', gateways = [] } = underlay ?? {};
  const own = deviceName(podKey(record));
  const places = standings(record);
  const ipv6 = places.some(({ address }) => address.family === 6);
  const cluster = clusterRoutes(node, places);
  const side = nodeSide(record);
  return {
    node: [
      `link add link ${parent} name ${own} netns ${netns} mtu ${mtu} address ${mac} type macvlan mode bridge`,
      ...side.make,
    ],
    join: {
      sysctls: [
        ...podSysctls(own, places),
        { path: `net/ipv4/neigh/${own}/retrans_time_ms`, value: ASKING, needed: false },
        ...(ipv6
          ? [
              { path: `net/ipv6/neigh/${own}/retrans_time_ms`, value: ASKING, needed: false },
              // Of the link-local address, which follows from the MAC.
              { path: `net/ipv6/conf/${own}/accept_dad`, value: '0', needed: false },
            ]
          : []),
      ],
      lines: [
        'link set dev lo up',
        // By this name it is taken back, whatever it is called.
        `link property add dev ${own} altname ${keptName(own)}`,
        `link set dev ${own} name ${ifname}`,
        ...(ipv6 ? [`link set dev ${ifname} addrgenmode eui64`] : []),
        `link set dev ${ifname} up`,
      ],
    },
    podSysctls: ['ipv4', ...(ipv6 ? ['ipv6'] : [])].map((ip) => ({
      path: `net/${ip}/neigh/${ifname}/retrans_time_ms`,
      value: USUAL,
      needed: false,
    })),
    pod: podLines(record, places, cluster),
    undoPod: [`link del dev ${own}`, `link del dev ${keptName(own)}`],
    undoNode: side.undo,
    chain: own,
    routes: [
      ...gateways.map(() => 'default'),
      ...places.map(({ address, length }) => formatPrefix(prefixOf(address, length))),
      ...cluster.map(({ range }) => formatPrefix(range)),
    ],
    result: cniResult(record, places, cluster),
  };
}

function podLines(
  { ifname, underlay }: PodRecord,
  places: readonly Standing[],
  cluster: readonly ClusterRoute[],
): string[] {
  const { siblingMac = '', networks = [], gateways = [] } = underlay ?? {};
  return [
    // Coming up with its addresses it tells the network of them (arp_notify, ndisc_notify).
    `link set dev ${ifname} down`,
    ...places.map(({ address, length }) => `address add ${formatAddress(address)}/${length} dev ${ifname}`),
    `link set dev ${ifname} up`,
    // The sibling answers nobody's questions.
    ...networksOf(networks)
      .filter(({ address }) => places.some((place) => place.address.family === address.family))
      .map(({ address }) => `neigh replace ${formatAddress(address)} lladdr ${siblingMac} dev ${ifname} nud permanent`),
    ...gateways.map((gateway) => `route add default via ${gateway} dev ${ifname}`),
    ...cluster.map(
      ({ range, via, mtu }) => `route add ${formatPrefix(range)} via ${formatAddress(via)} dev ${ifname} mtu ${mtu}`,
    ),
  ];
}

function cniResult(
  { ifname, device: sibling, mac, mtu, netns, underlay }: PodRecord,
  places: readonly Standing[],
  cluster: readonly ClusterRoute[],
): CniResult {
  const { siblingMac = '', gateways = [] } = underlay ?? {};
  return {
    interfaces: [
      { name: sibling, mac: siblingMac },
      { name: ifname, mac, mtu, sandbox: netns },
    ],
    ips: places.map(({ address, length }) => {
      const gateway = gateways.find((one) => one.includes(':') === (address.family === 6));
      return {
        address: `${formatAddress(address)}/${length}`,
        ...(gateway !== undefined && { gateway }),
        interface: 1,
      };
    }),
    routes: [
      ...gateways.map((gw) => ({ dst: everything(gw.includes(':') ? 6 : 4), gw })),
      ...cluster.map((one) => ({ dst: formatPrefix(one.range), gw: formatAddress(one.via), mtu: one.mtu })),
    ],
    dns: {},
  };
}

function renew(record: PodRecord): readonly string[] {
  return nodeSide(record).make;
}

/** The node knows its pods by the sibling, and asks nobody. */
function nodeSide(record: PodRecord) {
  const { device, mac } = record;
  const places = standings(record);
  const route = ({ address }: Standing) => `${single(address)} dev ${device} ${OURS}`;
  return {
    make: places.flatMap((place) => [
      `neigh replace ${formatAddress(place.address)} lladdr ${mac} dev ${device} nud permanent`,
      `route replace ${route(place)} src ${formatAddress(place.node)}`,
    ]),
    undo: places.flatMap((place) => [
      `route del ${route(place)}`,
      `neigh del ${formatAddress(place.address)} dev ${device}`,
    ]),
  };
}

function keptName(own: string): string {
  return `podwire-${own}`;
}

function networksOf(texts: readonly string[]): { address: Address; prefix: Prefix }[] {
  return texts.flatMap((text) => {
    const [host, length] = text.split('/');
    const address = parseAddress(host);
    return address ? [{ address, prefix: prefixOf(address, Number(length)) }] : [];
  });
}

function isIn(prefix: Prefix, text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && prefixContains(prefix, address);
}

/** Is all of the one in the other, which is more than an address? */
function contains(prefix: Prefix, one: Prefix): boolean {
  return (
    prefix.family === one.family &&
    prefix.length < familyBits(prefix.family) &&
    prefix.length <= one.length &&
    prefixContains(prefix, addressAt(one, 0))
  );
}
