import type { Command } from 'commander';
import type { GossipStatus, NodeStatus, OffloadStatus } from '../../control/node-api.js';
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
  const noPeers = PHASES[status.phase](status.gossip !== null);
  return [head, '', ...facts(status, look), '', ...(peers.length === 0 ? [noPeers] : peersTable(peers, look))].join(
    '\n',
  );
}

/** What a node without peers waits for. @param gossips whether it takes part in gossip */
const PHASES: Record<NodeStatus['phase'], (gossips: boolean) => string> = {
  joining: () => 'no node has let this one in yet: podwire events says why; it goes on trying',
  'waiting-for-subnet': () => 'this node has no subnet yet: podwire ipam says why',
  running: (gossips) =>
    gossips
      ? 'no peers: no other node has joined yet'
      : 'no peers: name them under peers in the configuration, then podwire reload',
};

const BYTES_BY: Record<NodeStatus['native'], string> = {
  addon: 'the C addon',
  io: 'TypeScript; the C addon does input and output only',
  off: 'TypeScript; koffi does input and output, slower than the C addon: podwire check says why',
};

function facts(status: NodeStatus, look: Look): string[] {
  const {
    underlays,
    podCidr,
    clusterCidr,
    device,
    mtu,
    mac,
    mode,
    vxlan,
    workers,
    native,
    offloads,
    security,
    gossip,
  } = status;
  const rows = [
    ['underlay', underlays.join(', ')],
    ['gossip', gossip ? gossipText(gossip) : 'none, peers are configured'],
    ['pods', podCidr.join(', ') || 'no subnet yet'],
    ['cluster', clusterCidr.join(', ')],
    ['device', `${device}, mtu ${mtu}, mac ${mac}`],
    ['mode', `${mode}, vni ${vxlan.vni}, port ${vxlan.port}`],
    ['workers', String(workers)],
    ['bytes by', BYTES_BY[native]],
    ['offloads', offloads.length === 0 ? 'none' : offloads.map(offloadText).join(', ')],
  ].map(([name, value]) => [{ text: name, style: 'dim' as const }, value]);
  const warning = [
    { text: 'security', style: 'dim' as const },
    { text: security.note, style: 'yellow' as const },
  ];
  return tableLines([{ title: '' }, { title: '', wrap: true }], [...rows, warning], look);
}

const OFFLOAD_STATES: Record<OffloadStatus['state'], (reason?: string) => string> = {
  on: () => 'on',
  off: (reason) => `off (${reason})`,
  broken: (reason) => `off (this kernel breaks it: ${reason})`,
  'not-offered': () => 'not offered',
  untested: (reason) => `untested (${reason})`,
};

function offloadText({ offload, state, reason }: OffloadStatus): string {
  return `${offload} ${OFFLOAD_STATES[state](reason)}`;
}

function gossipText({ port, sealed, keyId, members, awareness }: GossipStatus): string {
  const seal = sealed ? `sealed with key ${keyId}` : 'insecure: whoever reaches the port may join';
  const health = awareness === 0 ? '' : `, this node is slow (awareness ${awareness} of 8)`;
  return `${members} ${members === 1 ? 'member' : 'members'}, port ${port}, ${seal}${health}`;
}
