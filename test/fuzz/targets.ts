/** Everything that is fuzzed. */
import { findAddon } from '../../src/os/addon.js';
import { apiTarget } from './api-target.js';
import { bytesTarget } from './bytes-target.js';
import { gossipTargets } from './gossip-targets.js';
import { InboundTarget } from './inbound-target.js';
import type { Mutator } from './mutate.js';
import { OutboundTarget } from './outbound-target.js';
import type { Target } from './target.js';
import { textTargets } from './text-targets.js';
import { wireTargets } from './wire-targets.js';

type Make = (tools: Mutator) => Target[] | Promise<Target[]>;

/** The whole packet path. */
export const pathTargets: Make = async (tools) => [
  await InboundTarget.create('inbound', 1, true, tools),
  await InboundTarget.create('inbound, no offloads', 0.5, false, tools),
  await OutboundTarget.create(0.3, tools),
];

/** What comes from files and from whoever may open the API's socket; and the byte work, where the addon is built. */
export const otherTargets: Make = async (tools) => {
  const addon = findAddon();
  const bytes = 'problem' in addon ? [] : [bytesTarget(0.002, addon, tools)];
  return [...(await textTargets(tools)), await apiTarget(0.001, tools), ...bytes];
};

/** By the names that `npm run fuzz -- --target` takes. */
export const GROUPS: Readonly<Partial<Record<string, Make>>> = {
  wire: wireTargets,
  gossip: gossipTargets,
  paths: pathTargets,
  other: otherTargets,
};

/** The targets whose name is, or begins with, what was asked for; `all`, a group, or a target. */
export async function findTargets(name: string, tools: Mutator): Promise<Target[]> {
  const group = GROUPS[name];
  const makers = group ? [group] : Object.values(GROUPS);
  const made = (await Promise.all(makers.map((make) => make?.(tools) ?? []))).flat();
  if (group || name === 'all') return made;
  const wanted = made.filter((target) => target.name === name);
  for (const target of made) if (!wanted.includes(target)) await target.close?.();
  return wanted;
}
