/** The veth pairs of a lab, as text for `ip -batch`: pure. One batch makes them all, each with its ends in their places. */
import { type LabPlan, routerOf } from './plan.js';
import { FAR_PORT, NEAR_PORT } from './router.js';

export function links(plan: LabPlan): string[] {
  const hosts = plan.hosts.flatMap((host) => [
    veth(routerOf(plan, host).namespace, host.name, host.namespace, plan.mtu),
    ...host.pods.map((pod) => veth(host.namespace, pod.port, pod.namespace, plan.podMtu)),
  ]);
  if (!plan.far) return hosts;
  return [veth(plan.router.namespace, FAR_PORT, plan.far.namespace, plan.mtu, NEAR_PORT), ...hosts];
}

/** `port` here, `peer` there. */
function veth(here: string, port: string, there: string, mtu: number, peer = 'eth0'): string {
  return `link add name ${port} mtu ${mtu} netns ${here} type veth peer name ${peer} mtu ${mtu} netns ${there}`;
}

/**
 * What ethtool is told so that a veth sends what a real cable would carry: whole checksums, and frames no larger than
 * the MTU. Receive coalescing is on, as drivers have it.
 */
export const CABLE = (
  'tx off tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off ' +
  'tx-udp_tnl-csum-segmentation off gro on'
).split(' ');
