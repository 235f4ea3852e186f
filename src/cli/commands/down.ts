import type { Command } from 'commander';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { print, printJson } from '../output.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire down', 'returns when device, addresses and routes are gone'],
    ['podwire down --config /etc/podwire.yaml', 'the node with the socket of that file'],
  ]);
  command.action(async (options: { json?: boolean }) => {
    await (await clientOf(command)).down();
    if (options.json) printJson({ down: true });
    else print('podwire is down: what it made is removed');
  });
}
