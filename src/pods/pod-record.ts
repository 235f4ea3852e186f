/** What a node remembers of a pod's attachment, by container and interface; plain JSON, so that a line of a file holds it. */
import type { PodStatus, PodTraffic } from '../control/node-api.js';

export const ATTACHMENTS = ['bridge', 'ptp', 'macvlan', 'device'] as const;
export type AttachmentName = (typeof ATTACHMENTS)[number];

/** A port of the node that leads to the pod (CNI conventions, `portMappings`). */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Only at this address of the node; absent: at all of them. */
  readonly hostIP?: string;
}

/** `macvlan`: where the pod stands in the node's own network. */
export interface OnUnderlay {
  /** The node's device that it hangs on. */
  readonly parent: string;
  /** MAC of the node's macvlan beside it. */
  readonly siblingMac: string;
  /** The node's own addresses there, with their prefix lengths. */
  readonly networks: readonly string[];
  /** Next hops of the pod's default routes: at most one a family. */
  readonly gateways: readonly string[];
}

export interface PodRecord {
  readonly containerId: string;
  /** The interface's name in the pod. */
  readonly ifname: string;
  /** Path of its network namespace when it was made. */
  readonly netns: string;
  /** Name of the network (CNI). */
  readonly network: string;
  readonly attach: AttachmentName;
  /** The node's device that leads to the pod. */
  readonly device: string;
  /** Of the interface in the pod. */
  readonly mac: string;
  /** `device`: the name that the interface had before. */
  readonly origin?: string;
  /** `device`: others are behind the node's device as well, which can not be guarded then. */
  readonly shared?: boolean;
  readonly underlay?: OnUnderlay;
  /** Largest IP packet of the interface, bytes. */
  readonly mtu: number;
  /** One a family. */
  readonly addresses: readonly string[];
  readonly masquerade: boolean;
  readonly ports: readonly PortMapping[];
  /** As the runtime names it: namespace/name; absent: it does not say. */
  readonly pod?: string;
  /** ms since 1970. */
  readonly since: number;
}

/** The key of an attachment (CNI 1.1, section 2: container ID and interface name together are unique). */
export function podKey({ containerId, ifname }: { readonly containerId: string; readonly ifname: string }): string {
  return `${containerId}/${ifname}`;
}

/** As it is told to people. @param traffic counted at its device */
export function podStatus(record: PodRecord, traffic?: PodTraffic): PodStatus {
  const { containerId, ifname, pod, network, attach, addresses, mac, device, mtu, netns, since } = record;
  const named = pod !== undefined && { pod };
  const at = new Date(since).toISOString();
  const status = { containerId, ifname, ...named, network, attach, addresses, mac, device, mtu, netns, since: at };
  return traffic && !record.shared ? { ...status, traffic } : status;
}
