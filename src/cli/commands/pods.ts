import type { Command } from 'commander';
import type { PodStatus } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { tableLines } from '../table.js';
import { durationText } from '../units.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire pods', 'the pods of this node, their addresses and devices'],
    ["podwire pods --json | jq -r '.[].addresses[]'", 'for a program'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const pods = await (await clientOf(command)).pods();
    if (options.json) printJson(pods);
    else print(podsText(pods, Date.now(), lookOf(process.stdout)));
  });
}

/** @param nowMs ms since 1970 */
export function podsText(pods: readonly PodStatus[], nowMs: number, look: Look): string {
  if (pods.length === 0) return 'no pods: a container runtime attaches them by the plugin, podwire cni install';
  const columns = [
    { title: 'POD', wrap: true },
    { title: 'INTERFACE' },
    { title: 'ADDRESSES', wrap: true },
    { title: 'ATTACHED' },
    { title: 'DEVICE' },
    { title: 'MTU', align: 'right' as const },
    { title: 'SINCE', align: 'right' as const },
  ];
  const rows = pods.map(({ pod, containerId, ifname, addresses, attach, device, mtu, since }) => [
    pod ?? containerId,
    ifname,
    addresses.join(' '),
    attach,
    device,
    String(mtu),
    durationText(Math.max(0, nowMs - Date.parse(since))),
  ]);
  return tableLines(columns, rows, look).join('\n');
}
