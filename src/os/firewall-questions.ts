/** Packets that must pass this machine's packet filters untouched, for a configuration. Pure. */
import type { PlacedConfig } from '../control/config/node-config.js';
import { probeAddress } from '../control/probe-address.js';
import { type Address, addressAt, type Prefix } from '../wire/address.js';
import type { Question } from './firewall.js';

/** Any service of a pod. */
const POD_PORT = 80;
/** The places of pods in a range; the first are a node's own. */
const POD = 10;
const OTHER_POD = 11;

/**
 * @param underlayDevice undefined: not known
 * @param podDevices where packets of our pods come from and go to, as far as they are known
 */
export function firewallQuestions(
  config: PlacedConfig,
  underlayDevice: string | undefined,
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
function frames(config: PlacedConfig, iif: string | undefined): Question[] {
  const { underlay, vxlan } = config;
  const known = [...config.peers.map((peer) => peer.underlay), ...config.join.map(({ address }) => address)];
  const senders = known.length > 0 ? known.slice(0, 4) : [underlay];
  return senders.map((source) => ({
    hook: 'input',
    traffic: 'vxlan',
    packet: { iif, oif: undefined, source, destination: underlay, protocol: 'udp', port: vxlan.port, state: 'new' },
  }));
}

/** A pod here and one elsewhere, of each family. */
function podPairs({ podCidr, clusterCidr }: PlacedConfig): { own: Address; remote: Address }[] {
  const pair = (own: Prefix, remote: Address | undefined) => (remote ? [{ own: addressAt(own, 3), remote }] : []);
  if (podCidr.length > 0) return podCidr.flatMap((own) => pair(own, probeAddress(own, clusterCidr)));
  return clusterCidr.map((range) => ({ own: addressAt(range, POD), remote: addressAt(range, OTHER_POD) }));
}
