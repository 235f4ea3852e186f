import type { Command } from 'commander';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { LiveBlock, repeat } from '../live.js';
import { membersTable } from '../members-table.js';
import { lookOf, print, printJson } from '../output.js';

const WATCH_INTERVAL = 1000;

export function configure(command: Command): void {
  addClientOptions(command).option('--watch', 'again and again, until Ctrl-C');
  addExamples(command, [
    [
      'podwire members',
      'every node of the cluster: is it there, where, with which subnets, and does its data path work',
    ],
    ['podwire members --watch', 'live'],
    ['podwire members --json | jq -r \'.[] | select(.state != "alive") | .node\'', 'who is not there'],
  ]);
  command.addHelpText(
    'after',
    '\nNodes that are dead or have left stay listed until they are forgotten (gossip.forgetAfter).',
  );
  command.action(async ({ json, watch }: { json?: boolean; watch?: boolean }) => {
    const client = await clientOf(command);
    const lines = async () => membersTable(await client.members(), Date.now(), lookOf(process.stdout));
    if (!watch && json) printJson(await client.members());
    else if (!watch) print((await lines()).join('\n'));
    else {
      const block = new LiveBlock(process.stdout);
      await repeat(WATCH_INTERVAL, async () => {
        if (json) print(JSON.stringify(await client.members()));
        else block.draw(await lines());
      });
    }
  });
}
