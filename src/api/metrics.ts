/**
 * What a node counts, for Prometheus. Packets are counted in typed arrays (src/core/counters.ts); the figures are
 * copied here once a scrape, from one reading.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { CounterReading, GossipStatus, NodeApi, NodeStatus, PeerStatus } from '../control/node-api.js';
import { COUNTER_NAMES, COUNTERS, type CounterName, isDrop } from '../core/counters.js';
import { PodMetrics } from './pod-metrics.js';

/**
 * The event loop's delay is sampled this often, ms: the library's own 10 would keep an idle node awake. The figures that it
 * exports as a lag contain this time.
 */
export const LOOP_SAMPLING = 100;

/** Labels of `podwire_dropped_total`; undefined for what is no drop. */
interface DropLabels {
  readonly direction: string;
  readonly reason: string;
}

/** Splits `tx_no_peer` into direction and reason if that counter counts drops. */
export function dropLabels(name: CounterName): DropLabels | undefined {
  if (!isDrop(name)) return undefined;
  const [direction, ...reason] = name.split('_');
  return { direction, reason: reason.join('_') };
}

export class NodeMetrics {
  readonly #node: NodeApi;
  readonly #registry = new Registry();
  readonly #counters: ReadonlyMap<CounterName, Counter>;
  readonly #dropped: Counter<'direction' | 'reason'>;
  readonly #peers: readonly PeerMetric[];
  readonly #pods: PodMetrics;
  readonly #info: Gauge<'node' | 'version' | 'mode' | 'native' | 'device'>;
  readonly #peerCount: Gauge;
  readonly #mtu: Gauge;
  readonly #workers: Gauge;
  readonly #uptime: Gauge;
  readonly #members: Gauge<'state'>;
  readonly #awareness: Gauge;
  readonly #gossip: Counter<'outcome'>;
  readonly #subnets: Gauge<'state'>;

  constructor(node: NodeApi) {
    this.#node = node;
    const registers = [this.#registry];
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers });

    this.#info = new Gauge({
      name: 'podwire_info',
      help: 'facts about the node, as labels; always 1',
      labelNames: ['node', 'version', 'mode', 'native', 'device'],
      registers,
    });
    this.#peerCount = gauge('podwire_peers', 'nodes that traffic is exchanged with');
    this.#mtu = gauge('podwire_device_mtu_bytes', 'MTU of the device');
    this.#workers = gauge('podwire_workers', 'threads that move packets');
    this.#uptime = gauge('podwire_uptime_seconds', 'time since the node started');
    this.#members = new Gauge({
      name: 'podwire_members',
      help: 'nodes of the cluster, by state',
      labelNames: ['state'],
      registers,
    });
    this.#awareness = gauge('podwire_gossip_awareness', 'local health as Lifeguard has it: 0 is good');
    this.#gossip = new Counter({
      name: 'podwire_gossip_total',
      help: 'what became of gossip that came in, and what was done for it',
      labelNames: ['outcome'],
      registers,
    });
    this.#subnets = new Gauge({
      name: 'podwire_subnets',
      help: 'subnets of the cluster: used by nodes that are there, kept for nodes that are away, free',
      labelNames: ['state'],
      registers,
    });
    this.#counters = new Map(
      COUNTER_NAMES.map((name) => [
        name,
        new Counter({ name: `podwire_${name}_total`, help: COUNTERS[name], registers }),
      ]),
    );
    this.#dropped = new Counter({
      name: 'podwire_dropped_total',
      help: 'packets and frames dropped, by direction and reason; each is a counter of its own as well',
      labelNames: ['direction', 'reason'],
      registers,
    });
    this.#peers = PEER_METRICS.map(({ name, help, value }) => {
      const options = { name, help, labelNames: ['peer'] as const, registers };
      return { metric: name.endsWith('_total') ? new Counter(options) : new Gauge(options), value };
    });
    this.#pods = new PodMetrics(this.#registry);
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LOOP_SAMPLING });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The answer to one scrape. */
  async render(): Promise<string> {
    const status = this.#node.status();
    this.#setFacts(status);
    // A node that has no subnet yet has carried nothing yet.
    if (status.phase === 'running') this.#setCounters(this.#node.counters());
    if (status.gossip) this.#setGossip(status.gossip);
    this.#setPeers(status.peers);
    this.#pods.set(await this.#node.pods());
    return this.#registry.metrics();
  }

  #setFacts({ node, version, mode, native, device, mtu, workers, uptimeMs, peers }: NodeStatus): void {
    this.#info.reset();
    this.#info.set({ node, version, mode, native, device }, 1);
    this.#peerCount.set(peers.length);
    this.#mtu.set(mtu);
    this.#workers.set(workers);
    this.#uptime.set(uptimeMs / 1000);
  }

  #setGossip({ awareness, drops }: GossipStatus): void {
    this.#awareness.set(awareness);
    this.#members.reset();
    for (const { state } of this.#node.members()) this.#members.inc({ state });
    this.#gossip.reset();
    for (const [outcome, count] of Object.entries(drops)) this.#gossip.inc({ outcome }, count);
    const { used, kept, free } = this.#node.ipam();
    for (const [state, count] of Object.entries({ used, kept, free })) this.#subnets.set({ state }, count);
  }

  #setCounters(reading: CounterReading): void {
    this.#dropped.reset();
    for (const [name, counter] of this.#counters) {
      counter.reset();
      counter.inc(reading[name]);
      const labels = dropLabels(name);
      if (labels) this.#dropped.inc({ ...labels }, reading[name]);
    }
  }

  /** Peers that are gone are gone here too. */
  #setPeers(peers: readonly PeerStatus[]): void {
    for (const { metric, value } of this.#peers) {
      metric.reset();
      for (const peer of peers) {
        const figure = value(peer);
        if (figure !== undefined) metric.inc({ peer: peer.node }, figure);
      }
    }
  }
}

interface PeerMetric {
  readonly metric: Counter<'peer'> | Gauge<'peer'>;
  /** Undefined: there is no such figure of this peer. */
  readonly value: (peer: PeerStatus) => number | undefined;
}

const PEER_METRICS = [
  { name: 'podwire_peer_tx_frames_total', help: 'VXLAN frames sent to the peer', value: (p: PeerStatus) => p.txFrames },
  {
    name: 'podwire_peer_tx_bytes_total',
    help: 'bytes of IP packets sent to the peer',
    value: (p: PeerStatus) => p.txBytes,
  },
  {
    name: 'podwire_peer_rx_frames_total',
    help: 'VXLAN frames accepted from the peer',
    value: (p: PeerStatus) => p.rxFrames,
  },
  {
    name: 'podwire_peer_rx_bytes_total',
    help: 'bytes of IP packets accepted from the peer',
    value: (p: PeerStatus) => p.rxBytes,
  },
  {
    name: 'podwire_peer_mtu_bytes',
    help: 'largest IP packet that the path to the peer takes',
    value: (p: PeerStatus) => p.mtu,
  },
  {
    name: 'podwire_peer_path_up',
    help: 'whether its VXLAN port answers probes: 1 up, 0 down',
    value: ({ data }: PeerStatus) => (data && data.state !== 'unknown' ? Number(data.state === 'up') : undefined),
  },
  {
    name: 'podwire_peer_path_rtt_seconds',
    help: 'round trip of probes over VXLAN, smoothed',
    value: ({ data }: PeerStatus) => (data?.rttMs == null ? undefined : data.rttMs / 1000),
  },
  {
    name: 'podwire_peer_path_loss_ratio',
    help: 'part of the last 20 probes that was lost',
    value: ({ data }: PeerStatus) => (data?.lossPercent == null ? undefined : data.lossPercent / 100),
  },
];
