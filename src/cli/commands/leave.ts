import type { Command } from 'commander';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { print, printJson } from '../output.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [['podwire leave', 'before a machine goes for good']]);
  command.addHelpText(
    'after',
    `
The node gives its subnet back, so that others may have it at once, tells the cluster that it goes, and ends as podwire
down does. A node that will be back is ended with podwire down: its subnet is then kept for it (gossip.forgetAfter).`,
  );
  command.action(async (options: { json?: boolean }) => {
    await (await clientOf(command)).leave();
    if (options.json) printJson({ left: true });
    else print('podwire has left the cluster and is down: its subnet is free, and what it made is removed');
  });
}
