/**
 * An existing device is handed over to the pod, such as a virtual function of a network card. The node reaches it by `via`:
 * the card's own device, or the other end of a veth.
 *
 * ```
 * pod eth0 (was enp3s0v1) -- the card -- via (.1, ::1) -- routes -- podwire0
 * ```
 */
import type { Attachment, Choice, PodNode, PodPlan, Preparation } from '../attachment.js';
import type { NetworkConfig } from '../cni/request.js';
import type { NodeLink } from '../kernel.js';
import type { PodRecord } from '../pod-record.js';
import { addressesOf, forwarding, podSysctls } from './parts.js';
import { announceOnBridge, nodeSide, podSide, routedResult } from './routed.js';

export const device: Attachment = { choose, prepare, plan, renew };

function choose({ device: name, via: wanted }: NetworkConfig, links: readonly NodeLink[]): Choice | string {
  if (name === undefined) return "attach is device, and device does not say which: name the node's device to hand over";
  const link = links.find((one) => one.name === name);
  if (!link) return `the node has no device ${name}: it is in a pod already, or has another name`;
  if (link.addresses.some((address) => !address.startsWith('fe80:'))) {
    return `${name} holds ${link.addresses[0]}, the node uses it itself: name a device that it does not use`;
  }
  const peer = link.kind === 'veth' ? link.link : undefined;
  const via = wanted ?? peer;
  if (via === undefined)
    return `via is missing: by which device of the node is ${name} reached? Of a virtual function it is the card's own`;
  const leads = links.find((one) => one.name === via);
  if (!leads || via === name) return `via is ${via}, and the node has no such other device`;
  return { device: via, origin: name, mac: link.mac, mtu: link.mtu, alone: via === peer };
}

function prepare(node: PodNode): Preparation {
  return { make: [], sysctls: forwarding(node.subnets), lines: [] };
}

function plan(record: PodRecord, node: PodNode): PodPlan {
  const { ifname, device: via, mac, mtu, netns, origin = '', shared = false } = record;
  const addresses = addressesOf(record, node);
  const side = nodeSide(via, mac, addresses, !shared);
  return {
    node: [`link set dev ${origin} down`, `link set dev ${origin} netns ${netns} name ${ifname}`, ...side.make],
    podSysctls: podSysctls(ifname, addresses),
    pod: [`link set dev ${ifname} mtu ${mtu} address ${mac}`, ...podSide(ifname, addresses)],
    // It goes back as it came: down, and without addresses.
    undoPod: [
      `link set dev ${ifname} down`,
      `address flush dev ${ifname}`,
      `link set dev ${ifname} netns ${node.namespace} name ${origin}`,
    ],
    undoNode: [...side.undo, ...announceOnBridge(addresses).undo],
    ...(!shared && { guarded: via }),
    routes: ['default'],
    result: routedResult({ name: via }, record, addresses),
  };
}

function renew(record: PodRecord, node: PodNode): readonly string[] {
  return nodeSide(record.device, record.mac, addressesOf(record, node), !record.shared).make;
}
