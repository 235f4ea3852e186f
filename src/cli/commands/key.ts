import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { ApiClient } from '../../api/client.js';
import type { KeyStatus } from '../../control/node-api.js';
import { KEY_BYTES } from '../../core/keyring.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { type Look, lookOf, print, printJson } from '../output.js';
import { type Cell, tableLines } from '../table.js';

export function configure(command: Command): void {
  addExamples(command, [
    ['(umask 077; podwire key new > /etc/podwire.key)', 'a key for a new cluster; every node gets a copy of the file'],
    ['podwire key list', 'the keys of the running node, and who has them'],
    [
      [
        '(umask 077; podwire key new > new.key)',
        'for node in alpha bravo; do ssh $node podwire key add - < new.key; done',
        'for node in alpha bravo; do ssh $node podwire key use 3f2a90c1; done',
        'for node in alpha bravo; do ssh $node podwire key remove 77b0d1e4; done',
      ].join('\n'),
      'change the key of a running cluster: one new key, each step on every node before the next; add prints the IDs',
    ],
  ]);
  command.addHelpText(
    'after',
    `
The first key of a node's ring seals what it sends, all of them open what it receives. Each step rewrites the node's key
file, and is refused while it would cut somebody off: use until every node has the key, remove while any seals with it.`,
  );
  command
    .command('new')
    .description(`Print a new key: one line, base64 of ${KEY_BYTES} bytes.`)
    .action(() => print(randomBytes(KEY_BYTES).toString('base64')));
  step(command.command('list').description('Show the keys of the running node.'), (client) => client.keys());
  step(
    command
      .command('add')
      .argument('<KEY>', 'the key as podwire key new prints it; - reads it from standard input')
      .description('Add a key, to open with.'),
    async (client, key) => client.keyAdd((key === '-' ? await text(process.stdin) : key).trim()),
  );
  step(
    command.command('use').argument('<ID>', 'as podwire key list shows it').description('Seal with a key from now on.'),
    (client, id) => client.keyUse(id),
  );
  step(
    command.command('remove').argument('<ID>', 'as podwire key list shows it').description('Remove a key.'),
    (client, id) => client.keyRemove(id),
  );
}

/** A subcommand that asks the running node, and shows its keys as they are then. */
function step(command: Command, ask: (client: ApiClient, argument: string) => Promise<KeyStatus[]>): void {
  addClientOptions(command);
  command.action(async (...args: unknown[]) => {
    const [argument] = command.args;
    const keys = await ask(await clientOf(command), argument ?? '');
    const { json } = args.at(-2) as { json?: boolean };
    if (json) printJson(keys);
    else print(keysText(keys, lookOf(process.stdout)));
  });
}

export function keysText(keys: readonly KeyStatus[], look: Look): string {
  if (keys.length === 0) return 'no keys: gossip is insecure';
  const columns = [
    { title: 'KEY' },
    { title: 'THIS NODE' },
    { title: 'HELD BY' },
    { title: 'SEALS AT', wrap: true },
    { title: 'MISSING AT', wrap: true },
  ];
  const rows = keys.map(({ id, sealing, members, alive, sealers, missing }): Cell[] => [
    id,
    sealing ? { text: 'seals', style: 'green' } : 'opens',
    `${members} of ${alive}`,
    few(sealers),
    missing.length === 0 ? '-' : { text: few(missing), style: 'yellow' },
  ]);
  return tableLines(columns, rows, look).join('\n');
}

function few(nodes: readonly string[]): string {
  if (nodes.length === 0) return '-';
  return nodes.length <= 5 ? nodes.join(' ') : `${nodes.slice(0, 5).join(' ')} and ${nodes.length - 5} more`;
}
