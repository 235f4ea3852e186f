/**
 * Linux's own `vxlan` device on a host of a lab, as a peer of podwire: as text for `ip -batch`, pure. Two ways in which
 * people set it up:
 *
 * | kind     | how it finds the node and the MAC behind an address                                               |
 * |----------|---------------------------------------------------------------------------------------------------|
 * | `static` | flannel's way: for each node a route via its overlay address, a permanent neighbour, an FDB entry  |
 * | `plain`  | `ip link add … remote …`: the range is on the link, ARP and neighbour solicitations ask that node  |
 *
 * The device holds what a podwire node would hold: the host's overlay addresses, and the MAC that others derive from
 * its name.
 */
import { formatMac, macFromName } from '../core/mac.js';
import { overlayAddressTexts } from '../core/overlay-address.js';
import { enter, ipBatch } from './namespaces.js';
import { CLUSTER_CIDR, type LabHost } from './plan.js';
import { mustRun } from './run.js';

export type KernelPeer = 'static' | 'plain';

/** The device's name. */
const KERNEL_DEVICE = 'vxlan1';
const PORT = 8472;

/**
 * Makes a host a peer that has no podwire: a `vxlan` device of VNI 1, port 8472.
 * @param others those it is to reach; of a `plain` one the first only
 */
export async function startKernelPeer(host: LabHost, kind: KernelPeer, others: readonly LabHost[]): Promise<void> {
  await ipBatch(kind === 'static' ? staticPeer(host, others) : plainPeer(host, others[0]), '-n', host.namespace);
  if (kind === 'plain') return;
  const entries = others.map((other) => `fdb append ${mac(other)} dev ${KERNEL_DEVICE} dst ${other.underlay}`);
  await mustRun(enter(host.namespace, ['bridge', '-batch', '-']), { input: `${entries.join('\n')}\n` });
}

/** Order of installation: neighbour, FDB, route, so that no packet finds half of it (flannel's). */
export function staticPeer(host: LabHost, others: readonly LabHost[]): string[] {
  return [
    ...device(host, 'nolearning'),
    ...others.flatMap((other) =>
      overlays(other).flatMap((via, i) => [
        `neighbour add ${via} lladdr ${mac(other)} dev ${KERNEL_DEVICE} nud permanent`,
        `route add ${other.podCidr[i]} via ${via} dev ${KERNEL_DEVICE} onlink src ${overlays(host)[i]}`,
      ]),
    ),
  ];
}

export function plainPeer(host: LabHost, other: LabHost): string[] {
  return [
    ...device(host, `remote ${other.underlay}`),
    ...CLUSTER_CIDR.map((range, i) => `route add ${range} dev ${KERNEL_DEVICE} src ${overlays(host)[i]}`),
  ];
}

function device(host: LabHost, more: string): string[] {
  const link = `type vxlan id 1 dev eth0 local ${host.underlay} dstport ${PORT} ${more}`;
  return [
    `link add ${KERNEL_DEVICE} address ${mac(host)} ${link}`,
    ...overlays(host).map((own) =>
      own.includes(':')
        ? `address add ${own}/128 dev ${KERNEL_DEVICE} nodad`
        : `address add ${own}/32 dev ${KERNEL_DEVICE}`,
    ),
    `link set ${KERNEL_DEVICE} up`,
  ];
}

/** Its overlay addresses, IPv4 and IPv6. */
function overlays(host: LabHost): string[] {
  return overlayAddressTexts(host.podCidr);
}

function mac(host: LabHost): string {
  return formatMac(macFromName(host.name));
}
