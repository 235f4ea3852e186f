/** Packets that must pass this machine's packet filters untouched, for a configuration. Pure. */
import type { PlacedConfig } from '../control/config/node-config.js';
import { probeAddress } from '../control/probe-address.js';
import { type Address, addressAt, type Family, type Prefix } from '../wire/address.js';
import type { Question } from './firewall.js';

/** Any service of a pod. */
const POD_PORT = 80;
/** The places of pods in a range; the first are a node's own. */
const POD = 10;
const OTHER_POD = 11;
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
