import type { Command } from 'commander';
import type { IpamStatus, SubnetOwner } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { type Cell, tableLines } from '../table.js';
import { countText } from '../units.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire ipam', 'which node owns which subnet, and how many are free'],
    ['podwire ipam --json | jq .free', 'for a program'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const ipam = await (await clientOf(command)).ipam();
    if (options.json) printJson(ipam);
    else print(ipamText(ipam, lookOf(process.stdout)));
  });
}

/** What a state means. */
const STATES: Record<IpamStatus['state'], string> = {
  static: 'configured by hand',
  waiting: 'no subnet: the node is joining',
  settling: 'claimed a moment ago, nothing is forwarded yet',
  held: 'held',
  exhausted: 'no subnet: none is free',
};

export function ipamText(ipam: IpamStatus, look: Look): string {
  const { clusterCidr, podPrefix, state, own, total, used, kept, free, owners } = ipam;
  const ranges = clusterCidr.map((range, i) => `${range} in /${podPrefix[i]}`).join(', ');
  const facts = [
    ['cluster', ranges],
    [
      'subnets',
      `${countText(total)}: ${countText(used)} used, ${countText(kept)} kept for nodes that are away, ${countText(free)} free`,
    ],
    ['this node', own.length === 0 ? STATES[state] : `${own.join(', ')}, ${STATES[state]}`],
  ].map(([name, value]) => [{ text: name, style: 'dim' as const }, value]);
  const lines = tableLines([{ title: '' }, { title: '', wrap: true }], facts, look);
  const columns = [
    { title: 'SUBNET', wrap: true },
    { title: 'OWNER' },
    { title: 'STATE' },
    { title: 'EPOCH', align: 'right' as const },
  ];
  return [...lines, '', ...tableLines(columns, owners.map(ownerRow), look)].join('\n');
}

function ownerRow({ podCidr, node, self, state, contested, epoch }: SubnetOwner): Cell[] {
  return [
    podCidr.join(' '),
    self ? `${node} (this node)` : node,
    contested ? { text: `${state}, another's`, style: 'red' } : state,
    epoch === 0 ? 'by hand' : String(epoch),
  ];
}
