/** Ports of the node that cannot lead to a pod: those it is asked at itself, and those that lead to another. Pure. */
import { gossips, type NodeConfig } from '../control/config/node-config.js';
import { formatAddress, parseAddress } from '../wire/address.js';
import { CNI, CniError } from './cni/error.js';
import { nameOf } from './network-parts.js';
import type { PodRecord, PortMapping } from './pod-record.js';

export interface OwnPort {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** What comes to it. */
  readonly carries: string;
}

export function ownPorts(config: NodeConfig): OwnPort[] {
  const { vxlan, gossip } = config;
  const words = { port: gossip.port, carries: 'words of other nodes (gossip)' };
  return [
    { protocol: 'udp', port: vxlan.port, carries: 'frames of other nodes (VXLAN)' },
    ...(gossips(config) ? (['udp', 'tcp'] as const).map((protocol) => ({ protocol, ...words })) : []),
  ];
}

/** @throws CniError CONFIG: nothing was changed */
export function refuseOwnPorts(mappings: readonly PortMapping[], own: readonly OwnPort[]): void {
  for (const { hostPort, protocol } of mappings) {
    const taken = own.find((one) => one.port === hostPort && one.protocol === protocol);
    if (!taken) continue;
    const why = `${taken.carries} come to it`;
    throw new CniError(
      CNI.CONFIG,
      `portMappings: hostPort ${hostPort} (${protocol}) is this node's own: ${why}; nothing was changed, take another`,
    );
  }
}

/**
 * Of two pods with one port the first would get it all.
 * @param records the pods that there are, those that are being made too
 * @throws CniError CONFIG: nothing was changed
 */
export function refuseTakenPorts(mappings: readonly PortMapping[], records: readonly PodRecord[]): void {
  for (const mapping of mappings) {
    const holder = records.find(({ ports }) => ports.some((other) => overlaps(mapping, other)));
    if (!holder) continue;
    throw new CniError(
      CNI.CONFIG,
      `portMappings: hostPort ${mapping.hostPort} (${mapping.protocol}) leads to ${nameOf(holder)}; nothing was changed, take another, or take that pod off`,
    );
  }
}

/** Without an address a port is asked at all of them, of both families. */
function overlaps(one: PortMapping, other: PortMapping): boolean {
  if (one.protocol !== other.protocol || one.hostPort !== other.hostPort) return false;
  return one.hostIP === undefined || other.hostIP === undefined || plain(one.hostIP) === plain(other.hostIP);
}

/** An address can be written in several ways. */
function plain(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address) : text;
}
