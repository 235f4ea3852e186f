/**
 * A veth alone, with a route of its own on the node: pods share no L2, not even with those beside them.
 *
 * ```
 * pod eth0 (address alone) -- pw… (.1, ::1, fe80::1) -- routes -- podwire0
 * ```
 */
import type { Attachment, PodNode, PodPlan, Preparation } from '../attachment.js';
import { macOfDevice } from '../device-name.js';
import type { PodRecord } from '../pod-record.js';
import { addressesOf, aliasOf, forwarding, podSysctls, withoutLinkLocal } from './parts.js';
import { announceOnBridge, nodeSide, podSide, routedResult } from './routed.js';

export const ptp: Attachment = { prepare, plan, renew };

function prepare(node: PodNode): Preparation {
  return { make: [], sysctls: forwarding(node.subnets), lines: [] };
}

function plan(record: PodRecord, node: PodNode): PodPlan {
  const { ifname, device, mac, mtu, netns } = record;
  const addresses = addressesOf(record, node);
  const hostMac = macOfDevice(device);
  const side = nodeSide(device, mac, addresses);
  return {
    node: [
      `link add name ${device} mtu ${mtu} address ${hostMac} type veth peer name ${ifname} mtu ${mtu} address ${mac} netns ${netns}`,
      `link set dev ${device} alias "${aliasOf(record)}"${withoutLinkLocal(mtu)}`,
      ...side.make,
    ],
    podSysctls: podSysctls(ifname, addresses),
    pod: podSide(ifname, addresses),
    undoPod: [],
    // Routes and neighbours go with the device.
    undoNode: [...announceOnBridge(addresses).undo, `link del dev ${device}`],
    guarded: device,
    routes: ['default'],
    result: routedResult({ name: device, mac: hostMac, mtu }, record, addresses),
  };
}

function renew(record: PodRecord, node: PodNode): readonly string[] {
  return nodeSide(record.device, record.mac, addressesOf(record, node)).make;
}
