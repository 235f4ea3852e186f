import type { Command } from 'commander';
import type { ApiClient } from '../../api/client.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { countersLines, ratesLines, type TimedReading } from '../counters-table.js';
import { addExamples } from '../help.js';
import { LiveBlock, repeat } from '../live.js';
import { between } from '../option-values.js';
import { lookOf, print, printJson } from '../output.js';

interface CountersOptions {
  json?: boolean;
  all?: boolean;
  watch?: boolean;
  interval: number;
}

export function configure(command: Command): void {
  addClientOptions(command)
    .option('--all', 'also those that are 0')
    .option('--watch', 'again and again, with rates, until Ctrl-C')
    .option('--interval <SECONDS>', 'how often, with --watch', between(0.1, 3600, 'a number of seconds'), 1);
  addExamples(command, [
    ['podwire counters', 'what was counted so far, and what it means'],
    ['podwire counters --watch', 'live, those that change'],
    ['podwire counters --watch --json', 'a line of JSON each second'],
  ]);
  command.action(async (options: CountersOptions) => {
    const client = await clientOf(command);
    if (options.watch) await watch(client, options);
    else if (options.json) printJson(await client.counters());
    else print(countersLines(await client.counters(), options.all === true, lookOf(process.stdout)).join('\n'));
  });
}

async function watch(client: ApiClient, { json, all, interval }: CountersOptions): Promise<void> {
  const block = new LiveBlock(process.stdout);
  let before: TimedReading | undefined;
  await repeat(interval * 1000, async () => {
    const now = { counters: await client.counters(), atMs: performance.now() };
    if (json) print(JSON.stringify(now.counters));
    else block.draw(ratesLines(before, now, all === true, lookOf(process.stdout)));
    before = now;
  });
}
