/** Whether a pod can be attached at all: its namespace, and the name of its interface. Asked before anything is changed. */
import { CNI, CniError } from './cni/error.js';
import type { PodKernel } from './kernel.js';

/** @throws CniError ENVIRONMENT: there is no such namespace, or it is the node's */
export async function refuseNoNamespace(kernel: PodKernel, netns: string): Promise<void> {
  const found = await kernel.namespace(netns);
  if (found === 'there') return;
  const why = found === 'own' ? "is the node's own" : 'is not there';
  throw new CniError(CNI.ENVIRONMENT, `the network namespace ${netns} ${why}; nothing was changed`);
}

/**
 * What is handed over is known by its name in the pod, also when it is taken back: it must not be another's.
 * @throws CniError EXISTS
 */
export async function refuseTakenName(kernel: PodKernel, netns: string, ifname: string): Promise<void> {
  if (!(await kernel.interface(netns, ifname))) return;
  throw new CniError(CNI.EXISTS, `the pod has an interface ${ifname} already; nothing was changed`);
}
