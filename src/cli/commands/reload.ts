import type { Command } from 'commander';
import { RELOADABLE } from '../../control/config/reloadable.js';
import type { ReloadReport } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { print, printJson } from '../output.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire reload', 'the node reads the file and flags that it was started with again'],
    ['podwire check --config FILE && podwire reload', 'look first'],
  ]);
  command.addHelpText(
    'after',
    `\nOnly ${RELOADABLE.join(' and ')} may change while the node runs. If anything else differs, or is wrong, nothing is changed.`,
  );
  command.action(async (options: { json?: boolean }) => {
    const report = await (await clientOf(command)).reload();
    if (options.json) printJson(report);
    else print(reloadText(report));
  });
}

export function reloadText({ added, removed, changed, unchanged }: ReloadReport): string {
  const parts = [
    ['added', added],
    ['removed', removed],
    ['changed', changed],
  ] as const;
  const done = parts.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what} ${names.join(', ')}`]));
  const rest = `${unchanged} ${unchanged === 1 ? 'peer' : 'peers'} unchanged`;
  return done.length === 0 ? `nothing to change: ${rest}` : `reloaded: ${[...done, rest].join('; ')}`;
}
