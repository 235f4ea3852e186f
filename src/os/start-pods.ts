/** The pods of this machine: their memory is read, and what an earlier life left half made is taken back. */
import type { NodeConfig } from '../control/config/node-config.js';
import type { EventLog } from '../control/membership/events.js';
import { PodNetwork } from '../pods/network.js';
import type { OwnPort } from '../pods/own-ports.js';
import { PodJournalFile } from './pod-journal-file.js';
import { LinuxPodKernel } from './pod-kernel.js';

export async function startPods(
  config: Pick<NodeConfig, 'stateDir' | 'clusterCidr' | 'device'>,
  events: EventLog,
  ownPorts: readonly OwnPort[] = [],
): Promise<PodNetwork> {
  const { stateDir, clusterCidr, device } = config;
  const { file, reading, warning } = await PodJournalFile.open(stateDir);
  if (warning !== undefined) events.tell('pod-store-damaged', warning);
  const options = {
    kernel: new LinuxPodKernel(),
    store: file,
    events,
    clusterCidr,
    tun: device,
    ownPorts,
    now: () => Date.now(),
  };
  return PodNetwork.start(options, reading);
}
