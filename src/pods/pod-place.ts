/** Whether a pod can be attached at all: its namespace, its interface and its name. Asked before anything is changed. */
import type { Choice } from './attachment.js';
import { CNI, CniError } from './cni/error.js';
import type { PodKernel } from './kernel.js';
import { nameOf } from './network-parts.js';
import type { PodRecord } from './pod-record.js';

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

/**
 * Of two that ask at the same time both see the device on the node.
 * @param records the pods that there are, those that are being made too
 * @throws CniError NOT_HERE
 */
export function refuseTakenDevice(records: readonly PodRecord[], choice: Choice | undefined): void {
  if (choice?.origin === undefined) return;
  const holder = records.find(({ origin }) => origin === choice.origin);
  if (!holder) return;
  throw new CniError(
    CNI.NOT_HERE,
    `the device ${choice.origin} is handed over to ${nameOf(holder)}, until that is taken off; nothing was changed`,
  );
}
