/** The veth pairs of a lab, as text for `ip -batch`: pure. One batch makes them all, each with its ends in their places. */
import { type LabPlan, routerOf } from './plan.js';
import { FAR_PORT, NEAR_PORT } from './router.js';

/** A veth pair: the one end, the other end, and their MTU, bytes. */
interface Cable {
  readonly here: string;
  readonly port: string;
  readonly there: string;
  readonly peer: string;
  readonly mtu: number;
}

const FIRST_PORT_INDEX = 100;

export function links(plan: LabPlan): string[] {
  return cables(plan).map(add);
}

function cables(plan: LabPlan): Cable[] {
  const hosts = plan.hosts.flatMap((host) => [
    veth(routerOf(plan, host).namespace, host.name, host.namespace, plan.mtu),
    ...host.pods.map((pod) => veth(host.namespace, pod.port, pod.namespace, plan.podMtu)),
  ]);
  if (!plan.far) return hosts;
  return [veth(plan.router.namespace, FAR_PORT, plan.far.namespace, plan.mtu, NEAR_PORT), ...hosts];
}

/** `port` here, `peer` there. */
function veth(here: string, port: string, there: string, mtu: number, peer = 'eth0'): Cable {
  return { here, port, there, peer, mtu };
}

/**
 * Two ends with one and the same index seem one device to the kernel: it then takes up to a second to notice that the
 * cable is plugged in, and drops what is sent until then. So the ports have indexes that no peer gets by itself.
 */
function add({ here, port, there, peer, mtu }: Cable, order: number): string {
  const index = FIRST_PORT_INDEX + order;
  return `link add name ${port} index ${index} mtu ${mtu} netns ${here} type veth peer name ${peer} mtu ${mtu} netns ${there}`;
}

/**
 * What ethtool is told so that a veth sends what a real cable would carry: whole checksums, and frames no larger than
 * the MTU. Receive coalescing is on, as drivers have it.
 */
export const CABLE = (
  'tx off tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off ' +
  'tx-udp_tnl-csum-segmentation off gro on'
).split(' ');
