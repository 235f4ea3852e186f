/** What the kernel has counted at the node's devices that lead to pods. Text in, numbers out. */
import type { PodTraffic } from '../control/node-api.js';

/** Columns of /proc/net/dev behind the name: what a device received, then what it sent. */
const RX = { bytes: 0, packets: 1, dropped: 3 };
const TX = { bytes: 8, packets: 9, dropped: 11 };

/**
 * What a pod sends comes in at the node's device.
 * @param devices /proc/net/dev
 * @param counters `nft -j list counters` of the guard's table, one named as its device each; empty: there is no table
 */
export function podTraffic(devices: string, counters: string): Map<string, PodTraffic> {
  const forged = forgedPackets(counters);
  const found = new Map<string, PodTraffic>();
  for (const line of devices.split('\n').slice(2)) {
    const colon = line.indexOf(':');
    if (colon === -1) continue;
    const name = line.slice(0, colon).trim();
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const drops = forged.get(name);
    found.set(name, {
      sentPackets: columns[RX.packets],
      sentBytes: columns[RX.bytes],
      sentDropped: columns[RX.dropped],
      receivedPackets: columns[TX.packets],
      receivedBytes: columns[TX.bytes],
      receivedDropped: columns[TX.dropped],
      ...(drops !== undefined && { forged: drops }),
    });
  }
  return found;
}

function forgedPackets(json: string): ReadonlyMap<string, number> {
  try {
    const { nftables } = JSON.parse(json) as { nftables: { counter?: { name: string; packets: number } }[] };
    return new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets] as const] : [])));
  } catch {
    return new Map();
  }
}
