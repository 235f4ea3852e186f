/**
 * A veth into a bridge of the node, which holds the gateway's addresses. Pods of a node share an L2, the rest is routed:
 *
 * ```
 * pod eth0 -- pw… -- podwire-br (.1, ::1, fe80::1) -- routes -- podwire0
 * ```
 */
import { BRIDGE } from '../../control/desired-host.js';
import { formatAddress, formatPrefix } from '../../wire/address.js';
import type { Attachment, PodNode, PodPlan, Preparation } from '../attachment.js';
import { macOfDevice } from '../device-name.js';
import { gatewayOf } from '../gateway.js';
import type { PodRecord } from '../pod-record.js';
import {
  addressesOf,
  aliasOf,
  everything,
  forwarding,
  nodad,
  nodeRoute,
  podAddressLines,
  podSysctls,
  single,
  wayTo,
  withoutLinkLocal,
} from './parts.js';

export const bridge: Attachment = { prepare, plan, renew: () => [] };

function prepare(node: PodNode): Preparation {
  const ipv6 = node.subnets.some(({ family }) => family === 6);
  const mode = withoutLinkLocal(node.mtu);
  return {
    make: [`link add name ${BRIDGE} type bridge`],
    sysctls: [
      ...forwarding(node.subnets),
      { path: `net/ipv6/conf/${BRIDGE}/disable_ipv6`, value: ipv6 ? '0' : '1', needed: ipv6 },
      // Answers for the node's pods that hang elsewhere, at once.
      { path: `net/ipv4/conf/${BRIDGE}/proxy_arp`, value: '1', needed: false },
      { path: `net/ipv4/neigh/${BRIDGE}/proxy_delay`, value: '0', needed: false },
      { path: `net/ipv6/conf/${BRIDGE}/proxy_ndp`, value: '1', needed: false },
      { path: `net/ipv6/neigh/${BRIDGE}/proxy_delay`, value: '0', needed: false },
    ],
    lines: [
      `link set dev ${BRIDGE} address ${node.mac} mtu ${node.mtu}`,
      ...(mode ? [`link set dev ${BRIDGE}${mode}`] : []),
      // The source of neighbour solicitations for what is forwarded.
      ...(ipv6 ? [`address replace fe80::1/64 dev ${BRIDGE} nodad`] : []),
      ...node.subnets.map((subnet) => {
        const gateway = gatewayOf(subnet);
        return `address replace ${single(gateway)} dev ${BRIDGE}${nodad(gateway)}`;
      }),
      `link set dev ${BRIDGE} up`,
      // The node's own address is the one that others know it by.
      ...node.subnets.flatMap((subnet) => wayTo(formatPrefix(subnet), BRIDGE, subnet).make),
    ],
  };
}

function plan(record: PodRecord, node: PodNode): PodPlan {
  const { ifname, device, mac, mtu, netns } = record;
  const addresses = addressesOf(record, node);
  const hostMac = macOfDevice(device);
  return {
    node: [
      `link add name ${device} mtu ${mtu} address ${hostMac} type veth peer name ${ifname} mtu ${mtu} address ${mac} netns ${netns}`,
      `link set dev ${device} alias "${aliasOf(record)}"${withoutLinkLocal(mtu)} master ${BRIDGE}`,
      // A pod reaches itself by a service's or a node's port.
      `link set dev ${device} type bridge_slave hairpin on`,
      `link set dev ${device} up`,
    ],
    podSysctls: podSysctls(ifname, addresses),
    pod: [
      ...podAddressLines(ifname, addresses, 'subnet'),
      ...addresses.map(({ gateway }) => `route add default via ${formatAddress(gateway)} dev ${ifname}`),
      ...addresses.map((address) => nodeRoute(address, ifname)),
    ],
    undoPod: [],
    undoNode: [`link del dev ${device}`],
    guarded: device,
    routes: addresses.flatMap(({ subnet }) => ['default', formatPrefix(subnet)]),
    result: {
      interfaces: [
        { name: BRIDGE, mac: node.mac, mtu: node.mtu },
        { name: device, mac: hostMac, mtu },
        { name: ifname, mac, mtu, sandbox: netns },
      ],
      ips: addresses.map(({ address, subnet, gateway }) => ({
        address: `${formatAddress(address)}/${subnet.length}`,
        gateway: formatAddress(gateway),
        interface: 2,
      })),
      routes: addresses.map(({ gateway }) => ({ dst: everything(gateway.family), gw: formatAddress(gateway) })),
      dns: {},
    },
  };
}
