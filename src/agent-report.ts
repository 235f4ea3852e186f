/**
 * What an agent answers whoever asks, of what it has at that moment: status, peers, routes, counters, members, events;
 * pods and keys, which are passed on to those who look after them. Nothing here begins or ends any part of the agent.
 */
import type { Carrier } from './carrier.js';
import type { Cluster } from './cluster.js';
import { gossips, type NodeConfig } from './control/config/node-config.js';
import type { LeftNode } from './control/desired-peers.js';
import type { EventLog } from './control/membership/events.js';
import type {
  CniCall,
  CniReply,
  CounterReading,
  IpamStatus,
  KeyStatus,
  MemberStatus,
  NodeApi,
  NodeEvent,
  NodeStatus,
  PeerStatus,
  PodAudit,
  PodStatus,
  RouteStatus,
} from './control/node-api.js';
import { memberStatus, peerStatus, routeStatuses, SECURITY, unreachedPeer } from './control/node-report.js';
import { addReadings } from './core/counters.js';
import type { Claim } from './core/ipam/claim.js';
import { formatMac } from './core/mac.js';
import type { Underlay } from './core/underlay.js';
import type { Native } from './os/native.js';
import { version } from './os/version.js';
import { handleCni } from './pods/cni/handler.js';
import type { PodNetwork } from './pods/network.js';
import { formatAddress, formatPrefix } from './wire/address.js';
import { PodwireError } from './wire/error.js';

/** What an agent has: undefined is not there yet, or not any more. */
export interface AgentParts {
  readonly config: NodeConfig;
  readonly events: EventLog;
  readonly native: Native | undefined;
  readonly mac: Uint8Array;
  /** This node's own addresses as they are now; none while none is found. */
  readonly underlay: Underlay;
  readonly cluster: Cluster | undefined;
  /** The subnets that are ours, as soon and as long as they are. */
  readonly claim: Claim | undefined;
  readonly carrier: Carrier | undefined;
  /** What carriers counted that are no more. */
  readonly counted: CounterReading | undefined;
  readonly pods: PodNetwork | undefined;
  /** Nodes that get no traffic, by name. */
  readonly left: ReadonlyMap<string, LeftNode>;
}

/** A node's API but for the calls that turn its life. */
type Answers = Omit<NodeApi, 'reload' | 'down' | 'leave' | 'restart' | 'handOver'>;

export abstract class ReportingAgent implements Answers {
  /** Milliseconds since 1970. */
  readonly #startedAt = Date.now();

  /** As they are at the moment of the call. */
  protected abstract parts(): AgentParts;

  status(): NodeStatus {
    const { config, native, mac, underlay, cluster, claim, carrier } = this.parts();
    const { node, clusterCidr, device, vxlan, workers } = config;
    return {
      node,
      phase: carrier ? 'running' : cluster?.joined ? 'waiting-for-subnet' : 'joining',
      underlay: underlay.slice(0, 1).map(formatAddress).join(),
      underlays: underlay.map(formatAddress),
      podCidr: (claim?.podCidr ?? []).map(formatPrefix),
      clusterCidr: clusterCidr.map(formatPrefix),
      device,
      mac: formatMac(mac),
      mtu: carrier?.mtu ?? 0,
      mode: 'vxlan',
      vxlan,
      workers,
      native: known(native).kind,
      offloads: carrier?.offloads ?? [],
      security: SECURITY,
      ...(carrier?.pathMtus && { icmp: carrier.pathMtus.counters }),
      gossip: cluster?.status() ?? null,
      version,
      pid: process.pid,
      uptimeMs: Date.now() - this.#startedAt,
      rssBytes: process.memoryUsage.rss(),
      peers: this.peers(),
    };
  }

  peers(): PeerStatus[] {
    const { carrier, cluster, left } = this.parts();
    const { overlay, pathMtus } = carrier ?? {};
    if (!overlay) return [];
    const carried = [...overlay.peers()].map((one) =>
      peerStatus({ ...one, data: cluster?.path(one.peer.node), path: pathMtus?.reading(one.peer.node) }),
    );
    return [...carried, ...[...left.values()].flatMap(unreachedPeer)];
  }

  routes(): RouteStatus[] {
    const { overlay } = this.ready();
    const others = [...overlay.peers()].flatMap(({ peer }) => routeStatuses(peer, false));
    return [...routeStatuses(overlay.self, true), ...others];
  }

  counters(): CounterReading {
    const counters = this.ready().counters();
    const { counted } = this.parts();
    return counted ? addReadings(counted, counters) : counters;
  }

  async pods(): Promise<PodStatus[]> {
    return (await this.parts().pods?.statuses()) ?? [];
  }

  async auditPods(repair: boolean): Promise<PodAudit> {
    return known(this.parts().pods).audit(repair);
  }

  cni(call: CniCall): Promise<CniReply> {
    return handleCni(this.parts().pods, call);
  }

  members(): MemberStatus[] {
    const { left } = this.parts();
    return this.gossip()
      .members()
      .map((member) => memberStatus(member, left.get(member.node)));
  }

  ipam(): IpamStatus {
    return this.gossip().ipam();
  }

  keys(): KeyStatus[] {
    return this.gossip().keys();
  }

  keyAdd(text: string): Promise<KeyStatus[]> {
    return this.gossip().keyAdd(text);
  }

  keyUse(id: string): Promise<KeyStatus[]> {
    return this.gossip().keyUse(id);
  }

  keyRemove(id: string): Promise<KeyStatus[]> {
    return this.gossip().keyRemove(id);
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    return this.parts().events.onEvent(listener);
  }

  recentEvents(): readonly NodeEvent[] {
    return this.parts().events.recent();
  }

  /** @throws PodwireError NO_AGENT: it carries nothing yet */
  protected ready(): Carrier {
    const { carrier, cluster } = this.parts();
    if (carrier) return carrier;
    const waits = cluster?.joined ? 'has no subnet yet' : cluster ? 'is joining' : 'is starting';
    throw new PodwireError('NO_AGENT', `podwire ${waits}: ask again in a moment`);
  }

  /** @throws PodwireError NO_AGENT: not yet; CONFIG: never, as it is configured */
  protected gossip(): Cluster {
    const { cluster, config } = this.parts();
    if (cluster) return cluster;
    const why = gossips(config) ? 'podwire is starting: ask again in a moment' : NO_GOSSIP;
    throw new PodwireError(gossips(config) ? 'NO_AGENT' : 'CONFIG', why);
  }
}

const NO_GOSSIP =
  'this node takes no part in gossip, its peers are those of its configuration: set gossip.keyFile, and join';

/** @throws PodwireError INTERNAL: the order of a node's life is broken */
export function known<T>(value: T | undefined): T {
  if (value === undefined) throw new PodwireError('INTERNAL', 'podwire used what it has not yet made');
  return value;
}
