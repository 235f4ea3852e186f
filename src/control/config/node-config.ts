/** A node's configuration, read, checked and complete: what every part of the program gets to see. */
import type { Address, Prefix } from '../../wire/address.js';

export interface PeerConfig {
  /** The peer's name, unique in the cluster. */
  readonly node: string;
  /** The address that its VXLAN packets come from and go to. */
  readonly underlay: Address;
  /** Its pod subnets: at most one for each family. */
  readonly podCidr: readonly Prefix[];
  /** Its VTEP MAC, six bytes; from the configuration or derived from its name (src/core/mac.ts). */
  readonly mac: Uint8Array;
}

export interface NodeConfig {
  readonly node: string;
  readonly underlay: Address;
  readonly podCidr: readonly Prefix[];
  readonly clusterCidr: readonly Prefix[];
  readonly device: string;
  readonly vxlan: { readonly vni: number; readonly port: number };
  readonly peers: readonly PeerConfig[];
  /** Worker threads, each with one queue of the device and sockets of its own. */
  readonly workers: number;
  /** Path of the local API's Unix socket. */
  readonly socket: string;
  readonly stateDir: string;
  /** The device's MTU in bytes (inner IP packet); absent: measured, the underlay device's less the overhead. */
  readonly mtu?: number;
}
