/** Packets that must pass this machine's packet filters untouched, for a configuration. Pure. */
import type { PlacedConfig } from '../control/config/node-config.js';
import { probeAddress } from '../control/probe-address.js';
import { type Address, addressAt, type Family, type Prefix, parseAddress } from '../wire/address.js';
import type { Question } from './firewall.js';

/** Any service of a pod. */
const POD_PORT = 80;
/** The places of pods in a range; the first are a node's own. */
const POD = 10;
const OTHER_POD = 11;
/** Somebody beyond the cluster: addresses for documents (RFC 5737, RFC 3849). */
const OUTSIDE: Readonly<Record<Family, Address>> = {
  4: { family: 4, words: [0, 0, 0xffff, 0xcb007101 | 0] },
  6: { family: 6, words: [0x20010db8, 0, 0, 1] },
};
/** Pods that are asked about. */
const MOST_OUTSIDE = 4;
/** Peers that are asked about, of each family. */
const MOST_SENDERS = 4;

/**
 * @param underlayDevice the device of our own address of a family; undefined: not known
 * @param podDevices where packets of our pods come from and go to, as far as they are known
 */
export function firewallQuestions(
  config: PlacedConfig,
  underlayDevice: (family: Family) => string | undefined,
  podDevices: readonly string[],
): Question[] {
  const devices = podDevices.length > 0 ? podDevices : [undefined];
  const pairs = podPairs(config);
  const through = (oneWay: boolean) =>
    pairs.flatMap(({ own, remote }) =>
      devices.map((device) => ({
        iif: oneWay ? device : config.device,
        oif: oneWay ? config.device : device,
        source: oneWay ? own : remote,
        destination: oneWay ? remote : own,
        protocol: 'tcp' as const,
        port: POD_PORT,
        state: 'new' as const,
      })),
    );
  const pods = [...through(true), ...through(false)];
  return [
    ...frames(config, underlayDevice),
    ...pods.map((packet): Question => ({ hook: 'forward', traffic: 'pods', packet })),
    ...pods.map((packet): Question => ({ hook: 'postrouting', traffic: 'pods', packet })),
  ];
}

/** A pod that has to do with the outside. */
export interface OutsidePod {
  /** The node's, where its packets come from. */
  readonly device: string;
  readonly addresses: readonly string[];
  readonly masquerade: boolean;
  readonly ports: readonly { readonly containerPort: number; readonly protocol: string }[];
}

/** Packets that leave the cluster by masquerading, and that come in by host ports, of a few pods. */
export function outsideQuestions(
  pods: readonly OutsidePod[],
  underlayDevice: (family: Family) => string | undefined,
): Question[] {
  const asking = pods.filter(({ masquerade, ports }) => masquerade || ports.length > 0).slice(0, MOST_OUTSIDE);
  return asking.flatMap(({ device, addresses, masquerade, ports }) =>
    addresses.flatMap((text): Question[] => {
      const own = parseAddress(text);
      if (!own) return [];
      const [other, uplink] = [OUTSIDE[own.family], underlayDevice(own.family)];
      const away = { iif: device, oif: uplink, source: own, destination: other, protocol: 'tcp', port: 443 } as const;
      const [port] = ports.flatMap(({ containerPort, protocol }) =>
        protocol === 'tcp' || protocol === 'udp' ? [{ protocol, port: containerPort } as const] : [],
      );
      return [
        ...(masquerade ? [{ ...away, state: 'new' } as const] : []),
        ...(port
          ? [{ iif: uplink, oif: device, source: other, destination: own, ...port, state: 'new' } as const]
          : []),
      ].map((packet) => ({ hook: 'forward', traffic: 'outside', packet }));
    }),
  );
}

/** Of each device, and of all. */
const MOST_BESIDE = 2;
const MOST_PLACES = 6;

/**
 * Packets between pods of this node: routed, and of those on the bridge where the kernel has bridged packets pass the filters
 * of IP too.
 * @param bridged the families in which it does
 */
export function besideQuestions(pods: readonly BesidePod[], bridged: readonly Family[]): Question[] {
  const onSubnet = pods.filter(({ underlay }) => underlay === undefined);
  const some = onSubnet
    .filter(({ device }, i) => onSubnet.slice(0, i).filter((other) => other.device === device).length < MOST_BESIDE)
    .slice(0, MOST_PLACES);
  return some.flatMap((from) =>
    some.flatMap((to) =>
      pairsOf(from, to)
        .filter(({ source }) => from.device !== to.device || bridged.includes(source.family))
        .flatMap(({ source, destination }) => {
          const ends = { iif: from.device, oif: to.device, source, destination };
          const packet = { ...ends, protocol: 'tcp', port: POD_PORT, state: 'new' } as const;
          return (['forward', 'postrouting'] as const).map((hook): Question => ({ hook, traffic: 'beside', packet }));
        }),
    ),
  );
}

/** A pod and its place on the node. */
export interface BesidePod {
  /** The node's. */
  readonly device: string;
  readonly addresses: readonly string[];
  /** It stands in the node's own network. */
  readonly underlay?: unknown;
}

function pairsOf(from: BesidePod, to: BesidePod): { source: Address; destination: Address }[] {
  if (from === to) return [];
  return from.addresses.flatMap((text) => {
    const source = parseAddress(text);
    const destination = to.addresses.map(parseAddress).find((address) => address?.family === source?.family);
    return source && destination ? [{ source, destination }] : [];
  });
}

/** What peers send; of those whose address is known, as a rule may be about it. */
function frames(
  { underlay, vxlan, peers, join }: PlacedConfig,
  underlayDevice: (family: Family) => string | undefined,
): Question[] {
  const others = [
    ...peers.flatMap((peer) => peer.underlay),
    ...join.flatMap((seed) => ('address' in seed ? seed.address : [])),
  ];
  return underlay.flatMap((destination) => {
    const { family } = destination;
    const known = others.filter((address) => address.family === family);
    const senders = known.length > 0 ? known.slice(0, MOST_SENDERS) : [destination];
    const to = { iif: underlayDevice(family), oif: undefined, destination, port: vxlan.port };
    return senders.map(
      (source): Question => ({
        hook: 'input',
        traffic: 'vxlan',
        packet: { ...to, source, protocol: 'udp', state: 'new' },
      }),
    );
  });
}

/** A pod here and one elsewhere, of each family. */
function podPairs({ podCidr, clusterCidr }: PlacedConfig): { own: Address; remote: Address }[] {
  const pair = (own: Prefix, remote: Address | undefined) => (remote ? [{ own: addressAt(own, 3), remote }] : []);
  if (podCidr.length > 0) return podCidr.flatMap((own) => pair(own, probeAddress(own, clusterCidr)));
  return clusterCidr.map((range) => ({ own: addressAt(range, POD), remote: addressAt(range, OTHER_POD) }));
}
