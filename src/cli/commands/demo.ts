import type { Command } from 'commander';
import { runDemo } from '../demo/run.js';
import { addExamples } from '../help.js';

export function configure(command: Command): void {
  command
    .option('--json', 'print one JSON object instead of the story')
    .option('--keep', 'leave the hosts and their agents running, and say how to enter and remove them');
  addExamples(command, [
    ['podwire demo', 'three hosts in network namespaces; removes everything it made'],
    ['podwire demo --json', 'the same, for a program: ends with 0 only if all went well'],
  ]);
  command.addHelpText('after', '\nThe demo writes the configurations of its hosts itself: --config is not read.');
  command.action(async ({ json = false, keep = false }: { json?: boolean; keep?: boolean }) => {
    process.exitCode = await runDemo({ json, keep });
  });
}
