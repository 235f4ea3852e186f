/**
 * What an agent that has ended left for the next one, and nobody wants any more: its keeper goes, and with it the device,
 * and what was made around it. Pods stay, as they do when an agent goes down.
 */
import type { NodeConfig } from '../control/config/node-config.js';
import { EventLog } from '../control/membership/events.js';
import { HostNetwork } from './host-network.js';
import { endKept } from './keeper.js';
import { startPods } from './start-pods.js';

/**
 * To be called where no agent of this state directory runs.
 * @returns whether there was anything
 * @throws PodwireError MACHINE: some of it cannot be removed, or somebody else has a device of that name
 */
export async function takeAway(config: Pick<NodeConfig, 'stateDir' | 'device' | 'clusterCidr'>): Promise<boolean> {
  const host = new HostNetwork(config);
  const kept = await endKept(config.stateDir);
  if (!kept && !(await host.hasLeft())) return false;
  await host.recover();
  const pods = await startPods(config, new EventLog(() => Date.now()));
  try {
    await pods.letGo();
  } finally {
    await pods.close();
  }
  return true;
}
