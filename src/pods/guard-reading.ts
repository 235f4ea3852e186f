/** The rules against forged addresses, as the kernel has them: text. */
import type { PodPlan } from './attachment.js';
import { GUARD_FAMILY, GUARD_TABLE } from './guard.js';
import type { PodKernel } from './kernel.js';
import { MACVLAN_TABLE } from './macvlan-guard.js';

/** Of one pod; undefined: there are none, or it needs none. */
export async function guardOf(kernel: PodKernel, { guarded, chain }: PodPlan): Promise<string | undefined> {
  if (guarded !== undefined) return kernel.filterChain(GUARD_FAMILY, GUARD_TABLE, guarded);
  return chain === undefined ? undefined : kernel.filterChain(GUARD_FAMILY, MACVLAN_TABLE, chain);
}

/** Of all pods; undefined: there are none. */
export async function guardsOfAll(kernel: PodKernel): Promise<string | undefined> {
  const tables = [GUARD_TABLE, MACVLAN_TABLE].map((table) => kernel.filterTable(GUARD_FAMILY, table));
  const texts = (await Promise.all(tables)).filter((text) => text !== undefined);
  return texts.length > 0 ? texts.join('\n') : undefined;
}
