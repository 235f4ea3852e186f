/** What a running node tells and does for whoever asks: the local API serves it, an embedder calls it. Plain JSON. */
import type { CounterName } from '../core/counters.js';
import type { PathMtuCounters } from '../core/path-mtu-keeper.js';
import type { MtuPhase, MtuSource } from '../core/path-mtu-learner.js';
import type { OffloadName } from './config/offloads.js';

export interface PeerStatus {
  readonly node: string;
  /** The address that its traffic goes to. */
  readonly underlay: string;
  /** All of its underlay addresses: one, or one of each family. */
  readonly underlays: readonly string[];
  readonly podCidr: readonly string[];
  readonly mac: string;
  /** Largest inner IP packet that the path takes, bytes. */
  readonly mtu: number;
  /** How that is known: the device's own, this kernel's refusal, ICMP, or probes that arrive. */
  readonly mtuBy: MtuSource;
  /** Since it was learned or last confirmed. */
  readonly mtuAgeMs: number;
  /** How far the search is; `told`: the peer answers no probes, so only ICMP tells. */
  readonly mtuSearch: MtuPhase;
  /** What ICMP says of the path lately, or what is wrong with it, for people. */
  readonly pathWords?: string;
  readonly txFrames: number;
  readonly txBytes: number;
  readonly rxFrames: number;
  readonly rxBytes: number;
  /** Whether its VXLAN port answers, by probes of our own, or why there is no traffic; absent where it is not probed. */
  readonly data?: DataPathStatus;
}

export interface DataPathStatus {
  readonly state: 'unknown' | 'up' | 'down';
  /** Smoothed round trip, ms; null: none yet. */
  readonly rttMs: number | null;
  /** Of the last 20 probes; null: none yet. */
  readonly lossPercent: number | null;
  /** What the state means, and what to look at. */
  readonly words?: string;
  /** Why its traffic takes another underlay family than it would. */
  readonly detour?: string;
}

export interface NodeStatus {
  readonly node: string;
  /** `joining`: no node has let it in yet; `waiting-for-subnet`: it is in, and carries nothing yet; `running`. */
  readonly phase: 'joining' | 'waiting-for-subnet' | 'running';
  /** The first of `underlays`; empty while none is found. */
  readonly underlay: string;
  readonly underlays: readonly string[];
  readonly podCidr: readonly string[];
  readonly clusterCidr: readonly string[];
  readonly device: string;
  readonly mac: string;
  readonly mtu: number;
  readonly mode: 'vxlan';
  readonly vxlan: { readonly vni: number; readonly port: number; readonly dscp: number | 'inherit' };
  readonly workers: number;
  /**
   * `addon`: C moves the bytes; `io`: C does input and output, TypeScript the byte work; `off`: no C addon, koffi does
   * input and output.
   */
  readonly native: 'addon' | 'io' | 'off';
  /** What is left to the kernel; empty while nothing is carried. */
  readonly offloads: readonly OffloadStatus[];
  /** What protects the traffic; plain VXLAN: nothing. */
  readonly security: { readonly sealed: false; readonly note: string };
  /** ICMP, and this kernel's own reports, of frames sent: how many were believed, and why others were not. */
  readonly icmp?: Readonly<PathMtuCounters>;
  /** Null: this node takes no part in gossip. */
  readonly gossip: GossipStatus | null;
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly peers: readonly PeerStatus[];
}

/** An offload, as the configuration, the kernel and its test at start leave it. */
export interface OffloadStatus {
  readonly offload: OffloadName;
  readonly used: boolean;
  /** `on`: it passed its test; `untested`: the test was in vain, and it is used; the others are not used. */
  readonly state: 'on' | 'off' | 'broken' | 'not-offered' | 'untested';
  /** Why, in words; with every state but `on` and `not-offered`. */
  readonly reason?: string;
}

/** A node of the cluster, as this one knows it. Dead and left ones stay until they are forgotten. */
export interface MemberStatus {
  readonly node: string;
  readonly state: 'alive' | 'suspect' | 'dead' | 'left';
  readonly self: boolean;
  /** The first of `underlays`. */
  readonly underlay: string;
  readonly underlays: readonly string[];
  /** None while it has no subnet. */
  readonly podCidr: readonly string[];
  /** Of its claim to them; 0: configured by hand. */
  readonly epoch: number;
  readonly incarnation: number;
  /** Round trip of gossip, ms; null: not measured yet. */
  readonly rttMs: number | null;
  /** When its state began, ISO 8601. */
  readonly since: string;
  /** The path of the data to it; absent where it is not probed. */
  readonly data?: DataPathStatus;
}

/** Who owns which subnet of the cluster's range. */
export interface IpamStatus {
  readonly clusterCidr: readonly string[];
  /** Length of a claimed subnet, for each range. */
  readonly podPrefix: readonly number[];
  /** `static`: configured by hand; else how far this node's claim is. */
  readonly state: 'static' | 'waiting' | 'settling' | 'held' | 'exhausted';
  /** This node's own. */
  readonly own: readonly string[];
  readonly epoch: number;
  /** Subnets in all; of nodes that are there; kept for nodes that are away; free. */
  readonly total: number;
  readonly used: number;
  readonly kept: number;
  readonly free: number;
  /** In the order of the subnets. */
  readonly owners: readonly SubnetOwner[];
}

export interface SubnetOwner {
  readonly node: string;
  readonly podCidr: readonly string[];
  readonly epoch: number;
  readonly state: MemberStatus['state'];
  readonly self: boolean;
  /** Another's claim goes before this one: no traffic is sent there. */
  readonly contested: boolean;
}

/** A key of the ring, and who has it. */
export interface KeyStatus {
  /** Eight hexadecimal digits; no secret. */
  readonly id: string;
  /** This node seals with it. */
  readonly sealing: boolean;
  /** Nodes that are there and hold it, of so many that are there. */
  readonly members: number;
  readonly alive: number;
  /** Nodes that are there and do not hold it. */
  readonly missing: readonly string[];
  /** Nodes that are there and seal with it. */
  readonly sealers: readonly string[];
}

export interface GossipStatus {
  readonly port: number;
  readonly sealed: boolean;
  /** The key that this node seals with. */
  readonly keyId?: string;
  /** Nodes that are alive or suspected, this one too. */
  readonly members: number;
  /** Local health, Lifeguard: 0 is good, up to 8. */
  readonly awareness: number;
  readonly profile: 'lan' | 'wan';
  /** What became of what came in and was not news, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

/** Something that happened. */
export interface NodeEvent {
  /** ISO 8601. */
  readonly at: string;
  readonly kind: string;
  /** The node that it is about. */
  readonly node?: string;
  /** In words. */
  readonly message: string;
  readonly [fact: string]: unknown;
}

/** Kinds of events after which something does not work, or is not as it should be, until somebody sees to it. */
const ALARMING: ReadonlySet<string> = new Set([
  // The cluster, and this node's place in it.
  'claim-file',
  'conflict',
  'failed',
  'incarnations-spent',
  'join-name-failed',
  'join-retry',
  'no-address',
  'no-route',
  'refused',
  'subnet-lost',
  'subnets-exhausted',
  // Traffic.
  'forward-refused',
  'forward-unread',
  'no-traffic',
  'path-down',
  // Pods.
  'macvlan-unproven',
  'pod-audit',
  'pod-store-damaged',
  'pod-store-failed',
  'pods-failed',
]);

/** Whether people should look at what happened: a warning in the log, and what stands out in `podwire events`. */
export function isAlarming(kind: string): boolean {
  return ALARMING.has(kind);
}

export interface RouteStatus {
  readonly prefix: string;
  /** The owner's name; our own for our own. */
  readonly node: string;
  /** `pod`: its pod subnet; `underlay`: its underlay address. */
  readonly kind: 'pod' | 'underlay';
  /** The owner's underlay address. */
  readonly via: string;
  readonly self: boolean;
}

/** A counter and the words that explain it come from src/core/counters.ts. */
export type CounterReading = Readonly<Record<CounterName, number>>;

export interface ReloadReport {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: number;
}

/** A pod's attachment, as its node knows it. */
export interface PodStatus {
  readonly containerId: string;
  readonly ifname: string;
  /** namespace/name, where the runtime says it. */
  readonly pod?: string;
  /** Name of the network (CNI). */
  readonly network: string;
  readonly attach: string;
  readonly addresses: readonly string[];
  readonly mac: string;
  /** The node's device that leads to it. */
  readonly device: string;
  readonly mtu: number;
  readonly netns: string;
  /** ISO 8601. */
  readonly since: string;
  /** Counted at `device`; absent where that is gone, or leads to others as well. */
  readonly traffic?: PodTraffic;
}

/** As the pod sees it; bytes with their Ethernet headers. Dropped: by the device itself. */
export interface PodTraffic {
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly sentDropped: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly receivedDropped: number;
  /** Of those sent: dropped because they bore an address that is not the pod's. Absent: the pod is not guarded. */
  readonly forged?: number;
}

/** What `ipam check` found. */
export interface PodAudit {
  /** Those that are remembered now. */
  readonly pods: number;
  readonly findings: readonly PodFinding[];
}

export interface PodFinding {
  /** `stale`: an address is taken for nothing; `unknown`: a device without a pod; `guard`; `foreign`: not podwire's. */
  readonly kind: 'stale' | 'unknown' | 'guard' | 'foreign';
  readonly words: string;
  readonly repaired: boolean;
}

/** A call of the CNI plugin as it forwards it (src/pods/cni/request.ts), and what it prints. */
export interface CniCall {
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  readonly config: string;
}

export interface CniReply {
  readonly ok: boolean;
  readonly body: string;
}

export interface NodeApi {
  status(): NodeStatus;
  peers(): readonly PeerStatus[];
  routes(): readonly RouteStatus[];
  counters(): CounterReading;
  /** Reads the configuration again and applies what may change while running. Throws `PodwireError` CONFIG: nothing changed. */
  reload(): Promise<ReloadReport>;
  /** Removes what the node made and ends it. Resolves when all is gone. Its subnet is kept for its return. */
  down(): Promise<void>;
  /**
   * The same for good: its subnet is given back first.
   * @param force also while pods live in it; without it that throws `PodwireError` REFUSED
   */
  leave(force: boolean): Promise<void>;
  /**
   * Starts another process of the same service, of the program and the configuration of now, that takes the place of this
   * one: the service manager is told to follow it.
   * @returns its number; it does not carry anything yet
   * @throws PodwireError REFUSED: no service manager would follow it; nothing was changed
   */
  restart(): Promise<number>;
  /**
   * Leaves all to another process but the traffic, which it goes on carrying until that one ends it (SIGUSR2). If that one
   * ends first, this node takes everything up again.
   * @param successor number of the process
   * @throws PodwireError REFUSED: it cannot be done here; nothing was changed
   */
  handOver(successor: number): Promise<void>;
  pods(): Promise<readonly PodStatus[]>;
  /** What is remembered of pods against what is there. @param repair puts in order what is podwire's */
  auditPods(repair: boolean): Promise<PodAudit>;
  /** Never throws: what goes wrong is in the reply. */
  cni(call: CniCall): Promise<CniReply>;
  // What concerns the cluster throws `PodwireError` CONFIG where the node takes no part in gossip.
  members(): readonly MemberStatus[];
  ipam(): IpamStatus;
  /** Keys change in three steps, each on every node: add, use, remove. A step that would cut somebody off throws REFUSED. */
  keys(): readonly KeyStatus[];
  keyAdd(text: string): Promise<readonly KeyStatus[]>;
  keyUse(id: string): Promise<readonly KeyStatus[]>;
  keyRemove(id: string): Promise<readonly KeyStatus[]>;
  /** The last few, oldest first. */
  recentEvents(): readonly NodeEvent[];
  /** @returns ends the listening */
  onEvent(listener: (event: NodeEvent) => void): () => void;
}
