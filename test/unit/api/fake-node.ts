/** A node that is only said to run: fixed answers, and a note of what was asked. */
import type {
  CniCall,
  CniReply,
  CounterReading,
  GossipStatus,
  IpamStatus,
  KeyStatus,
  MemberStatus,
  NodeApi,
  NodeEvent,
  NodeStatus,
  PeerStatus,
  PodAudit,
  PodStatus,
} from '../../../src/control/node-api.js';
import { COUNTER_NAMES } from '../../../src/core/counters.js';
import { PodwireError } from '../../../src/wire/error.js';

export const PEERS: readonly PeerStatus[] = [
  {
    node: 'bravo',
    underlay: '192.0.2.2',
    underlays: ['192.0.2.2'],
    podCidr: ['10.244.2.0/24', 'fd00:244:0:2::/64'],
    mac: '02:00:5e:10:00:02',
    mtu: 1450,
    mtuBy: 'probed',
    mtuAgeMs: 1200,
    mtuSearch: 'complete',
    txFrames: 1_234_567,
    txBytes: 1_600_000_000,
    rxFrames: 12,
    rxBytes: 1008,
  },
  {
    node: 'charlie',
    underlay: '192.0.2.3',
    underlays: ['192.0.2.3'],
    podCidr: ['10.244.3.0/24'],
    mac: '02:00:5e:10:00:03',
    mtu: 1400,
    mtuBy: 'icmp',
    mtuAgeMs: 75_000,
    mtuSearch: 'told',
    txFrames: 0,
    txBytes: 0,
    rxFrames: 0,
    rxBytes: 0,
  },
];

export const STATUS: NodeStatus = {
  node: 'alpha',
  phase: 'running',
  underlay: '192.0.2.1',
  underlays: ['192.0.2.1'],
  podCidr: ['10.244.1.0/24', 'fd00:244:0:1::/64'],
  clusterCidr: ['10.244.0.0/16', 'fd00:244::/48'],
  device: 'podwire0',
  mac: '02:00:5e:10:00:01',
  mtu: 1450,
  mode: 'vxlan',
  vxlan: { vni: 1, port: 8472, dscp: 0 },
  workers: 1,
  native: 'addon',
  offloads: [
    { offload: 'checksum', used: true, state: 'on' },
    { offload: 'tso', used: false, state: 'off', reason: 'configured' },
    { offload: 'uso', used: false, state: 'not-offered' },
    { offload: 'udpSegment', used: false, state: 'broken', reason: 'frames are lost' },
    { offload: 'udpGro', used: true, state: 'untested', reason: 'a firewall' },
  ],
  security: { sealed: false, note: 'plain VXLAN: trust the network' },
  gossip: null,
  version: '0.1.0',
  pid: 42,
  uptimeMs: 11_520_000,
  rssBytes: 64 * 2 ** 20,
  peers: PEERS,
};

export const GOSSIP: GossipStatus = {
  port: 7946,
  sealed: true,
  keyId: '3f2a90c1',
  members: 2,
  awareness: 0,
  profile: 'lan',
  drops: { replayed: 3, forged: 1 },
};

export const MEMBERS: readonly MemberStatus[] = [
  {
    node: 'alpha',
    state: 'alive',
    self: true,
    underlay: '192.0.2.1',
    underlays: ['192.0.2.1'],
    podCidr: ['10.244.1.0/24'],
    epoch: 1,
    incarnation: 2,
    rttMs: null,
    since: '2026-01-01T00:00:00.000Z',
  },
  {
    node: 'bravo',
    state: 'alive',
    self: false,
    underlay: '192.0.2.2',
    underlays: ['192.0.2.2'],
    podCidr: ['10.244.2.0/24'],
    epoch: 2,
    incarnation: 5,
    rttMs: 0.42,
    since: '2026-01-01T00:00:00.000Z',
    data: {
      state: 'down',
      rttMs: null,
      lossPercent: 100,
      words: 'gossip reaches bravo, its VXLAN port does not answer',
    },
  },
  {
    node: 'charlie',
    state: 'dead',
    self: false,
    underlay: '192.0.2.3',
    underlays: ['192.0.2.3'],
    podCidr: [],
    epoch: 0,
    incarnation: 1,
    rttMs: null,
    since: '2026-01-01T00:00:00.000Z',
  },
];

export const IPAM: IpamStatus = {
  clusterCidr: ['10.244.0.0/16'],
  podPrefix: [24],
  state: 'held',
  own: ['10.244.1.0/24'],
  epoch: 1,
  total: 256,
  used: 2,
  kept: 1,
  free: 253,
  owners: [
    { node: 'alpha', podCidr: ['10.244.1.0/24'], epoch: 1, state: 'alive', self: true, contested: false },
    { node: 'bravo', podCidr: ['10.244.2.0/24'], epoch: 0, state: 'alive', self: false, contested: true },
  ],
};

export const KEYS: readonly KeyStatus[] = [
  { id: '3f2a90c1', sealing: true, members: 2, alive: 2, missing: [], sealers: ['alpha', 'bravo'] },
  { id: '77b0d1e4', sealing: false, members: 1, alive: 2, missing: ['bravo'], sealers: [] },
];

export const PODS: readonly PodStatus[] = [
  {
    containerId: '5f1d0c',
    ifname: 'eth0',
    pod: 'default/web',
    network: 'podwire',
    attach: 'bridge',
    addresses: ['10.244.1.2'],
    mac: '02:00:00:00:00:01',
    device: 'pw000000000001',
    mtu: 1450,
    netns: '/run/netns/web',
    since: '2026-01-01T00:00:00.000Z',
    traffic: {
      sentPackets: 1200,
      sentBytes: 1_048_576,
      sentDropped: 0,
      receivedPackets: 900,
      receivedBytes: 2048,
      receivedDropped: 2,
      forged: 7,
    },
  },
];

export const EVENTS: readonly NodeEvent[] = [
  { at: '2026-01-01T00:00:00.000Z', kind: 'joined', node: 'bravo', message: 'bravo is there' },
  { at: '2026-01-01T00:00:01.000Z', kind: 'failed', node: 'charlie', message: 'charlie is dead: nobody reaches it' },
];

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

  async restart() {
    this.asked.push('restart');
    return 4712;
  }

  async handOver(successor: number) {
    this.asked.push(`hand over to ${successor}`);
  }

  async leave(force: boolean) {
    this.asked.push(force ? 'leave by force' : 'leave');
  }

  podsNow = PODS;

  async pods() {
    return this.podsNow;
  }

  async auditPods(repair: boolean): Promise<PodAudit> {
    return { pods: 1, findings: [{ kind: 'unknown', words: 'pw000000000002 leads to no pod', repaired: repair }] };
  }

  async cni(call: CniCall): Promise<CniReply> {
    this.asked.push(`cni ${JSON.stringify(call)}`);
    return { ok: call.command === 'ADD', body: call.command === 'ADD' ? '{"cniVersion":"1.1.0"}\n' : '{"code":4}\n' };
  }

  members() {
    return MEMBERS;
  }

  ipam() {
    return IPAM;
  }

  keys() {
    return KEYS;
  }

  async keyAdd(text: string) {
    this.asked.push(`add ${text}`);
    return KEYS;
  }

  async keyUse(id: string) {
    this.asked.push(`use ${id}`);
    return KEYS;
  }

  async keyRemove(id: string): Promise<readonly KeyStatus[]> {
    throw new PodwireError('REFUSED', `bravo still seals with key ${id}; nothing was changed`);
  }

  recentEvents() {
    return EVENTS;
  }

  readonly listeners = new Set<(event: NodeEvent) => void>();

  onEvent(listener: (event: NodeEvent) => void) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async down() {
    this.asked.push('down');
    await this.onDown();
  }
}
