/** The demo's pods, given to podwire as a container runtime would: the plugin's ADD for each, in the namespace that it has. */
import { attach, type Container } from '../../lab/containers.js';
import type { Lab } from '../../lab/lab.js';
import type { LabHost } from '../../lab/plan.js';
import type { RunningPodwire } from '../../lab/podwire.js';

export interface AttachedHost {
  /** With its pod's new addresses. */
  readonly host: LabHost;
  /** What ADD took, milliseconds. */
  readonly ms: number;
}

/** Takes the pod's hand-made cable away, and with it its addresses and the routes there. */
export async function unplug(lab: Lab, host: LabHost): Promise<void> {
  for (const { port } of host.pods) await lab.exec(host, ['ip', 'link', 'del', 'dev', port]);
}

/** @throws PodwireError MACHINE: the plugin's words */
export async function plugIn(lab: Lab, node: RunningPodwire): Promise<AttachedHost> {
  const { host } = node;
  const [pod] = host.pods;
  const netns = `/run/netns/${pod.namespace}`;
  const container: Container = { host, namespace: pod.namespace, id: pod.name, netns };
  const { addresses, ms } = await attach(lab, node, container, { env: { CNI_ARGS: `K8S_POD_NAME=${pod.name}` } });
  const [ipv4, ipv6] = addresses;
  return { host: { ...host, pods: [{ ...pod, addresses: [ipv4, ipv6] }] }, ms };
}
