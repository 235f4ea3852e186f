/** What pods need of the machine's kernel; src/os/pod-kernel.ts is Linux. */
import type { DesiredSysctl } from '../control/desired-host.js';
import type { PodTraffic } from '../control/node-api.js';
import type { UnderlayRoutes } from './underlay-routes.js';

/** A device of the node's own namespace. */
export interface NodeLink {
  readonly name: string;
  readonly index: number;
  /** `veth`, `bridge`, …; empty: of hardware. */
  readonly kind: string;
  /** `ether`, `loopback`, `none` (TUN), … */
  readonly type: string;
  readonly wireless: boolean;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** The bridge that it is a port of. */
  readonly master?: string;
  /** What a veth or macvlan hangs on, if that is in this namespace. */
  readonly link?: string;
  /** What was written on it. */
  readonly alias?: string;
  readonly addresses: readonly string[];
  /** The same with their prefix lengths. */
  readonly networks: readonly string[];
  /** Next hops of default routes by it. */
  readonly gateways: readonly string[];
}

/** An interface as its pod sees it. */
export interface PodInterface {
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Without those of the link itself. */
  readonly addresses: readonly string[];
  /** Destinations of its routes; `default` is the default route. */
  readonly routes: readonly string[];
}

export interface PodKernel {
  /** `own`: it is the node's. */
  namespace(path: string): Promise<'there' | 'missing' | 'own'>;
  /**
   * Lines of `ip -batch` in the node's namespace. The first that fails ends it.
   * @throws CniError KERNEL, with the kernel's words
   */
  node(lines: readonly string[]): Promise<void>;
  /** The same, each line whatever became of those before it. @returns the kernel's words of those that failed */
  nodeForced(lines: readonly string[]): Promise<string[]>;
  /** In a pod's namespace: its settings first. @throws CniError KERNEL */
  pod(netns: string, sysctls: readonly DesiredSysctl[], lines: readonly string[]): Promise<void>;
  /** The same, each line whatever became of those before it. */
  podForced(netns: string, lines: readonly string[]): Promise<string[]>;
  /** Settings of the node. */
  settings(sysctls: readonly DesiredSysctl[]): Promise<void>;
  /** A transaction of `nft -f`: all of it or nothing. @throws CniError KERNEL */
  filter(text: string): Promise<void>;
  /** A chain's text; undefined: there is none. */
  filterChain(family: string, table: string, chain: string): Promise<string | undefined>;
  /** A table's text; undefined: there is none. */
  filterTable(family: string, table: string): Promise<string | undefined>;
  /** @param name only this one, if it is there */
  links(name?: string): Promise<readonly NodeLink[]>;
  /** Of each device, as a pod behind it sees it; `forged` of those that are guarded. */
  traffic(): Promise<ReadonlyMap<string, PodTraffic>>;
  /** Of this life or an earlier one. */
  underlayRoutes(): Promise<UnderlayRoutes>;
  interface(netns: string, ifname: string): Promise<PodInterface | undefined>;
  /**
   * Asks the network behind a device who has these addresses, by ARP and neighbour solicitations.
   * @param netns where the device is; undefined: it is the node's
   * @param patience milliseconds
   * @returns MACs by address, of those that answered; complete before the time is over if all did
   */
  whoHas(
    netns: string | undefined,
    device: string,
    addresses: readonly string[],
    patience: number,
  ): Promise<ReadonlyMap<string, string>>;
  /** Nothing is asked of it any more. */
  close(): void;
  /** How a namespace can reach the node's own: a path. */
  readonly ownNamespace: string;
}
