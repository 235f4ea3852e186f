/** Ports that the node itself is asked at: leading them to a pod would cut it off. Pure. */
import { gossips, type NodeConfig } from '../control/config/node-config.js';
import { CNI, CniError } from './cni/error.js';
import type { PortMapping } from './pod-record.js';

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
