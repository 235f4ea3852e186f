/** A small node configuration for tests. */
import type { ResolvedConfig } from '../../../src/control/config/node-config.js';
import { macFromName } from '../../../src/core/mac.js';
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../../src/wire/address.js';

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

export function sampleConfig(changes: Partial<ResolvedConfig> = {}): ResolvedConfig {
  return {
    node: 'alpha',
    underlay: [address('192.0.2.1')],
    podCidr: [prefix('10.244.1.0/24'), prefix('fd00:244:1::/64')],
    clusterCidr: [prefix('10.244.0.0/16'), prefix('fd00:244::/48')],
    podPrefix: { 4: 24, 6: 64 },
    device: 'podwire0',
    vxlan: { vni: 1, port: 8472, dscp: 0 },
    peers: [
      {
        node: 'bravo',
        underlay: [address('198.51.100.2')],
        podCidr: [prefix('10.244.2.0/24')],
        mac: macFromName('bravo'),
      },
    ],
    join: [],
    gossip: { port: 7946, insecure: false, profile: 'lan', forgetAfter: 3600, tune: {} },
    workers: 1,
    nice: -10,
    offload: { checksum: 'auto', tso: 'auto', uso: 'auto', udpSegment: 'auto', udpGro: 'auto' },
    socket: '/run/podwire/podwire.sock',
    stateDir: '/var/lib/podwire',
    ...changes,
  };
}
