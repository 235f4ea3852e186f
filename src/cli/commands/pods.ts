import type { Command } from 'commander';
import type { PodStatus, PodTraffic } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { tableLines } from '../table.js';
import { bytesText, countText, durationText } from '../units.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire pods', 'the pods of this node, their addresses, devices and counters'],
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
    { title: 'NAMESPACE', wrap: true },
    { title: 'INTERFACE' },
    { title: 'ADDRESSES', wrap: true },
    { title: 'ATTACHED' },
    { title: 'DEVICE' },
    { title: 'SENT', wrap: true },
    { title: 'RECEIVED', wrap: true },
    { title: 'DROPPED', wrap: true },
    { title: 'SINCE', align: 'right' as const },
  ];
  const rows = pods.map(({ pod, containerId, netns, ifname, addresses, attach, device, traffic, since }) => [
    pod ?? containerId,
    namespaceText(netns),
    ifname,
    addresses.join(' '),
    attach,
    device,
    traffic ? amountText(traffic.sentPackets, traffic.sentBytes) : '',
    traffic ? amountText(traffic.receivedPackets, traffic.receivedBytes) : '',
    traffic ? dropsText(traffic) : '',
    durationText(Math.max(0, nowMs - Date.parse(since))),
  ]);
  return tableLines(columns, rows, look).join('\n');
}

/** `/run/netns/web` is `web`, `/proc/17/ns/net` is `pid 17`. */
function namespaceText(path: string): string {
  const pid = /^\/proc\/(\d+)\/ns\/net$/.exec(path)?.[1];
  return pid === undefined ? path.slice(path.lastIndexOf('/') + 1) : `pid ${pid}`;
}

function amountText(packets: number, bytes: number): string {
  return `${countText(packets)} (${bytesText(bytes)})`;
}

/** Each way, and what the pod sent under addresses that are not its own. */
function dropsText({ sentDropped, receivedDropped, forged = 0 }: PodTraffic): string {
  const parts = [
    [sentDropped, 'sent'],
    [receivedDropped, 'received'],
    [forged, 'forged'],
  ] as const;
  const told = parts.flatMap(([count, what]) => (count > 0 ? `${countText(count)} ${what}` : []));
  return told.length > 0 ? told.join(', ') : '0';
}
