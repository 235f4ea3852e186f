import type { Command } from 'commander';
import type { IpamStatus, PodAudit, SubnetOwner } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { EXIT_FAILED } from '../failure.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { type Cell, tableLines } from '../table.js';
import { countText } from '../units.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire ipam', 'which node owns which subnet, and how many are free'],
    ['podwire ipam --json | jq .free', 'for a program'],
    ['podwire ipam check --repair', "this node's pods: what is remembered against what is there"],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const ipam = await (await clientOf(command)).ipam();
    if (options.json) printJson(ipam);
    else print(ipamText(ipam, lookOf(process.stdout)));
  });
  const check = addClientOptions(command.command('check'))
    .description('Compare what the node remembers of its pods with what is there; ends with 1 if something is amiss.')
    .option('--repair', 'give back addresses that nobody holds, remove devices of no pod, renew the rules');
  check.action(async () => {
    const { json, repair = false } = check.optsWithGlobals<{ json?: boolean; repair?: boolean }>();
    const audit = await (await clientOf(check)).auditPods(repair);
    if (json) printJson(audit);
    else print(auditText(audit, lookOf(process.stdout)));
    if (audit.findings.some(({ repaired }) => !repaired)) process.exitCode = EXIT_FAILED;
  });
}

export function auditText({ pods, findings }: PodAudit, look: Look): string {
  const amiss = findings.filter(({ repaired }) => !repaired).length;
  const rows = findings.map(({ words, repaired }): Cell[] => [
    repaired ? { text: 'mended', style: 'green' } : { text: 'amiss', style: 'yellow' },
    words,
  ]);
  const verdict = amiss === 0 ? 'all is as it is remembered' : `${amiss} amiss: --repair mends what is podwire's`;
  const many = `${countText(pods)} ${pods === 1 ? 'pod' : 'pods'}`;
  return [...tableLines([{ title: '' }, { title: '', wrap: true }], rows, look), `${many}, ${verdict}`].join('\n');
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
