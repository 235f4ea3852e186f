/** A node's configuration, read, checked and complete: what every part of the program gets to see. */
import type { Underlay } from '../../core/underlay.js';
import type { Address, Prefix } from '../../wire/address.js';
import type { OffloadSwitches } from './offloads.js';

export interface PeerConfig {
  /** The peer's name, unique in the cluster. */
  readonly node: string;
  /** The addresses that its VXLAN packets come from and go to: one, or one of each family. */
  readonly underlay: Underlay;
  /** Its pod subnets: at most one for each family. */
  readonly podCidr: readonly Prefix[];
  /** Its VTEP MAC, six bytes; from the configuration or derived from its name (src/core/mac.ts). */
  readonly mac: Uint8Array;
  /** It reads congestion marks on outer packets (RFC 6040), as Linux and podwire do. */
  readonly ecn?: boolean;
}

/** Where a node gossips: UDP and TCP. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** A host's name, looked up whenever it is needed: its addresses may change. */
export interface NamedEndpoint {
  readonly host: string;
  readonly port: number;
}

/** A node to join, as it is configured. */
export type Seed = Endpoint | NamedEndpoint;

export interface GossipConfig {
  /** UDP and TCP. */
  readonly port: number;
  /** The keyring that seals gossip, a key a line; absent: there is no gossip, or it is open. */
  readonly keyFile?: string;
  /** Gossip without a key. */
  readonly insecure: boolean;
  readonly profile: 'lan' | 'wan';
  /** Seconds that a dead or departed node stays a member. */
  readonly forgetAfter: number;
  /** Single parameters of the profile, replaced. */
  readonly tune: Readonly<Record<string, number>>;
}

export interface VxlanConfig {
  readonly vni: number;
  /** UDP. */
  readonly port: number;
  /** DSCP of outer packets, 0 to 63, or that of the packet inside. */
  readonly dscp: number | 'inherit';
}

export interface NodeConfig {
  readonly node: string;
  /** Absent: the own addresses that reach the nodes of `join`, of which there is one then. */
  readonly underlay?: Underlay;
  /** Empty: subnets are claimed from `clusterCidr`, by gossip. */
  readonly podCidr: readonly Prefix[];
  readonly clusterCidr: readonly Prefix[];
  /** Length of the subnets that nodes claim, for each family. */
  readonly podPrefix: { readonly 4: number; readonly 6: number };
  readonly device: string;
  readonly vxlan: VxlanConfig;
  readonly peers: readonly PeerConfig[];
  /** Nodes that are asked to let this one into the cluster. */
  readonly join: readonly Seed[];
  readonly gossip: GossipConfig;
  /** Worker threads, each with one queue of the device and sockets of its own. */
  readonly workers: number;
  /** The nice value that the process takes; 0: the one that it was started with. */
  readonly nice: number;
  readonly offload: OffloadSwitches;
  /** Path of the local API's Unix socket. */
  readonly socket: string;
  readonly stateDir: string;
  /** The device's MTU in bytes (inner IP packet); absent: measured, the underlay device's less the overhead. */
  readonly mtu?: number;
}

/** A configuration whose underlay addresses are known: configured, or found. */
export interface PlacedConfig extends NodeConfig {
  readonly underlay: Underlay;
}

/** A configuration with all that was left to be found out: a node that carries traffic has an address and subnets. */
export interface ResolvedConfig extends PlacedConfig {
  /** Not empty. */
  readonly podCidr: readonly Prefix[];
}

/** Does the node take part in membership? Without it there are only the peers of the configuration. */
export function gossips({ join, gossip }: Pick<NodeConfig, 'join' | 'gossip'>): boolean {
  return join.length > 0 || gossip.keyFile !== undefined || gossip.insecure;
}
