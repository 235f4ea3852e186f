import type { Command } from 'commander';
import type { NodeStatus } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson, styled } from '../output.js';
import { peersTable } from '../peers-table.js';
import { tableLines } from '../table.js';
import { bytesText, durationText } from '../units.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire status', 'the node and its peers'],
    ['podwire status --json | jq .mtu', 'one fact, for a program'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const status = await (await clientOf(command)).status();
    if (options.json) printJson(status);
    else print(statusText(status, lookOf(process.stdout)));
  });
}

export function statusText(status: NodeStatus, look: Look): string {
  const { node, version, pid, uptimeMs, rssBytes, peers } = status;
  const running = `podwire ${version}, pid ${pid}, up ${durationText(uptimeMs)}, ${bytesText(rssBytes)} of memory`;
  const head = `${styled(node, 'bold', look)}  ${running}`;
  const noPeers = 'no peers: name them under peers in the configuration, then podwire reload';
  return [head, '', ...facts(status, look), '', ...(peers.length === 0 ? [noPeers] : peersTable(peers, look))].join(
    '\n',
  );
}

function facts(status: NodeStatus, look: Look): string[] {
  const { underlay, podCidr, clusterCidr, device, mtu, mac, mode, vxlan, workers, native, offloads, security } = status;
  const rows = [
    ['underlay', underlay],
    ['pods', podCidr.join(', ')],
    ['cluster', clusterCidr.join(', ')],
    ['device', `${device}, mtu ${mtu}, mac ${mac}`],
    ['mode', `${mode}, vni ${vxlan.vni}, port ${vxlan.port}`],
    ['workers', String(workers)],
    ['bytes by', native === 'addon' ? 'the C addon' : 'TypeScript; the C addon does input and output only'],
    ['offloads', offloads.length === 0 ? 'none' : offloads.join(', ')],
  ].map(([name, value]) => [{ text: name, style: 'dim' as const }, value]);
  const warning = [
    { text: 'security', style: 'dim' as const },
    { text: security.note, style: 'yellow' as const },
  ];
  return tableLines([{ title: '' }, { title: '', wrap: true }], [...rows, warning], look);
}
