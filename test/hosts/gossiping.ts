/** Nodes of a lab that find each other by gossip: started, asked, waited for. */
import { setTimeout as delay } from 'node:timers/promises';
import type { MemberStatus, NodeStatus } from '../../src/control/node-api.js';
import type { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../../src/lab/podwire.js';
import { ping } from '../../src/lab/tools.js';
import { ask, peers } from './cli.js';

/** Waits until it holds; the test's own timeout is the limit behind this one. */
export async function until(what: string, holds: () => Promise<boolean>, ms = 20_000): Promise<void> {
  for (const end = performance.now() + ms; ; await delay(50)) {
    if (await holds()) return;
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
  }
}

export const members = (lab: Lab, node: RunningPodwire) => ask<MemberStatus[]>(lab, node, 'members');

export async function state(lab: Lab, node: RunningPodwire, of: string): Promise<string | undefined> {
  return (await members(lab, node)).find((member) => member.node === of)?.state;
}

export async function ownAddress(lab: Lab, node: RunningPodwire, family: 4 | 6): Promise<string> {
  const { podCidr } = await ask<NodeStatus>(lab, node, 'status');
  const subnet = podCidr.find((prefix) => prefix.includes(':') === (family === 6)) ?? '';
  return family === 4 ? subnet.replace(/\/.*/, '') : subnet.replace(/\/.*/, '2');
}

export function startGossiping(lab: Lab, host: LabHost, config: Record<string, unknown> = {}): Promise<RunningPodwire> {
  return lab.startPodwire(host, { config: { ...gossipConfig(lab, host), ...config } });
}

/** From everyone to everyone's own overlay address, over both families inside. @returns who does not reach whom */
export async function silent(
  lab: Lab,
  pairs: readonly (readonly [RunningPodwire, RunningPodwire])[],
): Promise<string[]> {
  const found = await Promise.all(
    pairs.flatMap(([from, to]) =>
      ([4, 6] as const).map(async (family) => {
        const address = await ownAddress(lab, to, family);
        return (await ping(lab, from.host, address)) === undefined ? `${from.host.name} -> ${to.host.name}` : '';
      }),
    ),
  );
  return found.filter(Boolean);
}

export const path = async (lab: Lab, from: RunningPodwire, to: RunningPodwire) =>
  (await peers(lab, from)).find(({ node }) => node === to.host.name);

/** The address of one family among a host's. */
export const uplink = (host: LabHost, family: 4 | 6) =>
  host.uplinks.find((one) => one.family === family)?.underlay ?? '';
