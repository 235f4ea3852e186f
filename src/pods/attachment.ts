/**
 * How a pod hangs on its node: one module each in attach/, behind one interface, pure. A plan follows from the record and the
 * node alone, so that a later life of the node takes back and checks what an earlier one made.
 */
import type { DesiredSysctl } from '../control/desired-host.js';
import type { Address, Prefix } from '../wire/address.js';
import type { NetworkConfig } from './cni/request.js';
import type { CniResult } from './cni/result.js';
import type { NodeLink } from './kernel.js';
import type { OnUnderlay, PodRecord } from './pod-record.js';

/** What attachments want to know of their node. */
export interface PodNode {
  /** The TUN device. */
  readonly tun: string;
  /** Its MTU, bytes. */
  readonly mtu: number;
  /** MAC of the bridge. */
  readonly mac: string;
  /** One a family: those that are carried. */
  readonly subnets: readonly Prefix[];
  readonly clusterCidr: readonly Prefix[];
  /** A path by which a pod's namespace names the node's. */
  readonly namespace: string;
}

/** What all pods of an attachment share on the node. */
export interface Preparation {
  /** Lines of `ip` that may fail: what they make is there already. */
  readonly make: readonly string[];
  /** Before `lines`, when what they are about is made. */
  readonly sysctls: readonly DesiredSysctl[];
  readonly lines: readonly string[];
}

export interface PodPlan {
  /** Lines of `ip` in the node's namespace, up to where the pod's interface is in the pod. */
  readonly node: readonly string[];
  /** In the pod, before all else, on a network that others share: its addresses are asked for then, before it takes them. */
  readonly join?: { readonly sysctls: readonly DesiredSysctl[]; readonly lines: readonly string[] };
  readonly podSysctls: readonly DesiredSysctl[];
  readonly pod: readonly string[];
  /** Take it back; what is gone already may fail. In the pod first, where there still is one. */
  readonly undoPod: readonly string[];
  readonly undoNode: readonly string[];
  /** The device whose incoming frames are held against the pod's addresses (guard.ts); absent: there is none. */
  readonly guarded?: string;
  /** `macvlan`: its chain in macvlan-guard.ts. */
  readonly chain?: string;
  readonly result: CniResult;
  /** What CHECK looks for: destinations of the pod's routes. */
  readonly routes: readonly string[];
}

/** What an attachment takes of the node's devices. */
export interface Choice {
  /** The node's device that leads to the pod. */
  readonly device: string;
  /** The one that is handed over. */
  readonly origin?: string;
  /** Absent: it follows from the pod's address. */
  readonly mac?: string;
  /** Bytes. */
  readonly mtu: number;
  /** Nothing but the pod is behind `device`: its frames can be held against the pod's addresses. */
  readonly alone: boolean;
  /** `macvlan`: where, and the addresses that pods may have instead of the node's subnets'. */
  readonly underlay?: OnUnderlay;
  readonly range?: readonly AddressRange[];
}

/** Addresses of a network that is not podwire's, of which pods may have some. */
export interface AddressRange {
  readonly range: Prefix;
  /** Others'. */
  readonly reserved: readonly Address[];
}

export interface Attachment {
  /** Absent: a device of its own is made. A text says why it cannot be. */
  readonly choose?: (network: NetworkConfig, links: readonly NodeLink[]) => Choice | string;
  /** @param record any of the pods that share it */
  readonly prepare: (node: PodNode, record: PodRecord) => Preparation;
  readonly plan: (record: PodRecord, node: PodNode) => PodPlan;
  /** Lines that bring back what goes when the node's own addresses go, as between two lives of a node. */
  readonly renew: (record: PodRecord, node: PodNode) => readonly string[];
}

export interface PodAddress {
  readonly address: Address;
  readonly subnet: Prefix;
  readonly gateway: Address;
}
