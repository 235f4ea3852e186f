import type { Command } from 'commander';
import type { RouteStatus } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { type Cell, type Column, tableLines } from '../table.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire routes', 'every prefix that the node knows, and its owner'],
    ['podwire routes --json | jq \'.[] | select(.kind == "pod")\'', 'pod subnets only'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const routes = await (await clientOf(command)).routes();
    if (options.json) printJson(routes);
    else print(routesText(routes, lookOf(process.stdout)));
  });
}

const COLUMNS: readonly Column[] = [
  { title: 'PREFIX' },
  { title: 'OWNER', wrap: true },
  { title: 'KIND' },
  { title: 'VIA' },
];

export function routesText(routes: readonly RouteStatus[], look: Look): string {
  const rows = routes.map(({ prefix, node, kind, via, self }): Cell[] => [
    prefix,
    self ? { text: `${node} (this node)`, style: 'bold' } : node,
    kind,
    via,
  ]);
  return tableLines(COLUMNS, rows, look).join('\n');
}
