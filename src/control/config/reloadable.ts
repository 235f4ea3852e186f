/** Which changes of its configuration a running node can follow. */
import { formatMac } from '../../core/mac.js';
import { PodwireError } from '../../wire/error.js';
import type { NodeConfig } from './node-config.js';

/** Keys that may change while the node runs. */
export const RELOADABLE: readonly string[] = ['peers', 'join'];

/** The keys whose values differ, as they are written in the file (`vxlan.port`), in alphabetical order. */
export function changedKeys(old: NodeConfig, next: NodeConfig): string[] {
  const before = values(old);
  const after = values(next);
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => before.get(key) !== after.get(key)).sort();
}

/**
 * Refuses a change that needs a new start.
 * @throws PodwireError CONFIG that names the keys
 */
export function assertReloadable(old: NodeConfig, next: NodeConfig): void {
  const fixed = changedKeys(old, next).filter((key) => !RELOADABLE.includes(key));
  if (fixed.length === 0) return;
  const what = `${fixed.join(', ')} ${fixed.length === 1 ? 'has' : 'have'} changed`;
  throw new PodwireError(
    'CONFIG',
    `${what}, and only ${RELOADABLE.join(' and ')} may change while the node runs: nothing was changed; restart podwire to apply it`,
  );
}

/** Each key with its value as text that can be compared. */
function values({ vxlan, gossip, offload, peers, ...rest }: NodeConfig): Map<string, string> {
  const flat: Record<string, unknown> = {
    ...rest,
    ...dotted('vxlan', vxlan),
    ...dotted('gossip', gossip),
    ...dotted('offload', offload),
    peers: peers.map((peer) => ({ ...peer, mac: formatMac(peer.mac) })),
  };
  return new Map(Object.entries(flat).map(([key, value]) => [key, JSON.stringify(value)]));
}

function dotted(group: string, keys: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).map(([name, value]) => [`${group}.${name}`, value]));
}
