import type { Command } from 'commander';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { lookOf, print, printJson } from '../output.js';
import { peersTable } from '../peers-table.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire peers', 'who they are, the largest packet that reaches them, and their traffic'],
    ["podwire peers --json | jq '.[].mac'", 'their MAC addresses'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    const peers = await (await clientOf(command)).peers();
    if (options.json) printJson(peers);
    else print(peers.length === 0 ? 'no peers' : peersTable(peers, lookOf(process.stdout)).join('\n'));
  });
}
