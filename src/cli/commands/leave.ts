import type { Command } from 'commander';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { print, printJson } from '../output.js';

export function configure(command: Command): void {
  addClientOptions(command);
  command.option('--force', 'also while pods live in the subnet: another node may get their addresses');
  addExamples(command, [['podwire leave', 'before a machine goes for good, when its pods are gone']]);
  command.addHelpText(
    'after',
    `
The node gives its subnet back, so that others may have it at once, tells the cluster that it goes, and ends as podwire
down does. While pods live in the subnet it refuses, and names them. A node that will be back is ended with podwire down: its subnet is then kept for it (gossip.forgetAfter).`,
  );
  command.action(async (options: { json?: boolean; force?: boolean }) => {
    await (await clientOf(command)).leave(options.force);
    if (options.json) printJson({ left: true });
    else print('podwire has left the cluster and is down: its subnet is free, and what it made is removed');
  });
}
