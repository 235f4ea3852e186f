import type { Command } from 'commander';
import { isAlarming, type NodeEvent } from '../../control/node-api.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, styled } from '../output.js';

export function configure(command: Command): void {
  addClientOptions(command).option('--follow', 'and what comes, until Ctrl-C');
  addExamples(command, [
    ['podwire events', 'what happened lately'],
    ['podwire events --follow', 'and what happens'],
    [
      'podwire events --follow --json | jq -r \'select(.kind == "failed") | .node\'',
      'a line of JSON for each, for a program',
    ],
  ]);
  command.action(async ({ json, follow }: { json?: boolean; follow?: boolean }) => {
    const client = await clientOf(command);
    const look = lookOf(process.stdout);
    const tell = (event: NodeEvent) => print(json ? JSON.stringify(event) : eventText(event, look));
    if (!follow) {
      (await client.events()).forEach(tell);
      return;
    }
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    for await (const event of client.followEvents(stop.signal)) tell(event);
  });
}

export function eventText({ at, kind, message }: NodeEvent, look: Look): string {
  const time = at.slice(0, 19).replace('T', ' ');
  const shown = isAlarming(kind) ? styled(kind, 'red', look) : kind;
  return `${styled(time, 'dim', look)}  ${shown}${' '.repeat(Math.max(1, 18 - kind.length))}${message}`;
}
