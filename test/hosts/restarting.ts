/** Nodes with a pod each, whose agents go and come. */
import { readFileSync } from 'node:fs';
import type { Lab } from '../../src/lab/lab.js';
import type { LabPod } from '../../src/lab/plan.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import type { ProcessId } from '../../src/os/processes.js';
import { attach, type Container, containers } from './cni.js';

/** Datagrams of a steady flow. */
export const PER_SECOND = 100;
/** How long it flows, ms. */
export const DURATION = 3_000;
/** Of 300. Generous, for a machine that is busy; without anybody who keeps them, all that are sent during a start are lost. */
export const MOST_LOST = 10;

export interface Pods {
  readonly pods: readonly LabPod[];
  readonly containers: readonly Container[];
}

/** A pod on each node. */
export async function podsOn(lab: Lab, nodes: readonly RunningPodwire[]): Promise<Pods> {
  const made = await Promise.all(
    nodes.map(async (node, i) => {
      const [container] = await containers(lab, node.host, 'pod');
      const { addresses } = await attach(lab, node, container, { config: { attach: i === 0 ? 'bridge' : 'ptp' } });
      const pod: LabPod = { ...container, name: container.id, port: '', addresses: [addresses[0], addresses[1]] };
      return { pod, container };
    }),
  );
  return { pods: made.map(({ pod }) => pod), containers: made.map(({ container }) => container) };
}

export function ended(node: RunningPodwire): Promise<number | null> {
  return new Promise((resolve) => node.process.once('close', resolve));
}

/** The process that keeps, as the state directory tells. */
export function kept(lab: Lab, node: RunningPodwire): { readonly keeper: ProcessId } {
  return JSON.parse(readFileSync(`${lab.directory}/${node.host.name}/state/kept`, 'utf8'));
}
