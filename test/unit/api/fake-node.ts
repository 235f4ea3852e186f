/** A node that is only said to run: fixed answers, and a note of what was asked. */
import type { CounterReading, NodeApi, NodeStatus, PeerStatus } from '../../../src/control/node-api.js';
import { COUNTER_NAMES } from '../../../src/core/counters.js';

export const PEERS: readonly PeerStatus[] = [
  {
    node: 'bravo',
    underlay: '192.0.2.2',
    podCidr: ['10.244.2.0/24', 'fd00:244:0:2::/64'],
    mac: '02:00:5e:10:00:02',
    mtu: 1450,
    txFrames: 1_234_567,
    txBytes: 1_600_000_000,
    rxFrames: 12,
    rxBytes: 1008,
  },
  {
    node: 'charlie',
    underlay: '192.0.2.3',
    podCidr: ['10.244.3.0/24'],
    mac: '02:00:5e:10:00:03',
    mtu: 1400,
    txFrames: 0,
    txBytes: 0,
    rxFrames: 0,
    rxBytes: 0,
  },
];

export const STATUS: NodeStatus = {
  node: 'alpha',
  underlay: '192.0.2.1',
  podCidr: ['10.244.1.0/24', 'fd00:244:0:1::/64'],
  clusterCidr: ['10.244.0.0/16', 'fd00:244::/48'],
  device: 'podwire0',
  mac: '02:00:5e:10:00:01',
  mtu: 1450,
  mode: 'vxlan',
  vxlan: { vni: 1, port: 8472 },
  workers: 1,
  native: 'addon',
  offloads: ['checksum', 'tso4'],
  security: { sealed: false, note: 'plain VXLAN: trust the network' },
  version: '0.1.0',
  pid: 42,
  uptimeMs: 11_520_000,
  rssBytes: 64 * 2 ** 20,
  peers: PEERS,
};

/** Each counter has a value of its own. */
export const COUNTERS_READ = Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, i])) as CounterReading;

export class FakeNode implements NodeApi {
  readonly asked: string[] = [];
  statusNow: () => NodeStatus = () => STATUS;
  onReload: () => Promise<void> = async () => {};
  onDown: () => Promise<void> = async () => {};

  status() {
    this.asked.push('status');
    return this.statusNow();
  }

  peers() {
    return this.statusNow().peers;
  }

  routes() {
    return [{ prefix: '10.244.1.0/24', node: 'alpha', kind: 'pod', via: '192.0.2.1', self: true } as const];
  }

  counters() {
    return COUNTERS_READ;
  }

  async reload() {
    this.asked.push('reload');
    await this.onReload();
    return { added: ['bravo'], removed: [], changed: [], unchanged: 1 };
  }

  async down() {
    this.asked.push('down');
    await this.onDown();
  }
}
