/** What a running node tells and does for whoever asks: the local API serves it, an embedder calls it. Plain JSON. */
import type { CounterName } from '../core/counters.js';

export interface PeerStatus {
  readonly node: string;
  readonly underlay: string;
  readonly podCidr: readonly string[];
  readonly mac: string;
  /** Largest inner IP packet that the path takes, bytes. */
  readonly mtu: number;
  readonly txFrames: number;
  readonly txBytes: number;
  readonly rxFrames: number;
  readonly rxBytes: number;
  /** Whether its VXLAN port answers, by probes of our own; absent where it is not probed. */
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
}

export interface NodeStatus {
  readonly node: string;
  readonly underlay: string;
  readonly podCidr: readonly string[];
  readonly clusterCidr: readonly string[];
  readonly device: string;
  readonly mac: string;
  readonly mtu: number;
  readonly mode: 'vxlan';
  readonly vxlan: { readonly vni: number; readonly port: number };
  readonly workers: number;
  /** `addon`: C moves the bytes; `io`: C does input and output, TypeScript the byte work. */
  readonly native: 'addon' | 'io';
  /** Offloads of the device that passed their test, such as `checksum`, `tso4`, `uso6`. */
  readonly offloads: readonly string[];
  /** What protects the traffic; plain VXLAN: nothing. */
  readonly security: { readonly sealed: false; readonly note: string };
  readonly version: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly peers: readonly PeerStatus[];
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

export interface NodeApi {
  status(): NodeStatus;
  peers(): readonly PeerStatus[];
  routes(): readonly RouteStatus[];
  counters(): CounterReading;
  /** Reads the configuration again and applies what may change while running. Throws `PodwireError` CONFIG: nothing changed. */
  reload(): Promise<ReloadReport>;
  /** Removes what the node made and ends it. Resolves when all is gone. */
  down(): Promise<void>;
}
