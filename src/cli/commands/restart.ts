import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../../api/client.js';
import { RELOADABLE } from '../../control/config/reloadable.js';
import type { NodeStatus } from '../../control/node-api.js';
import { isAlive, processId } from '../../os/processes.js';
import { PodwireError } from '../../wire/error.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { print, printJson } from '../output.js';

/** Between two questions whether it carries, ms. */
const ASK = 100;

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    [
      'podwire restart',
      `after an upgrade, or a change of the configuration that is more than ${RELOADABLE.join(' and ')}`,
    ],
  ]);
  command.addHelpText(
    'after',
    `
For a node that is a service of systemd. It starts another process of the service, of the program and the configuration of
now, and carries the traffic until that one does; systemd is told to follow it. If that one fails, the node that runs goes on.
Without systemd 'podwire up --takeover' does the same.`,
  );
  command.action(async (options: { json?: boolean }) => {
    const { pid, version } = await restart(await clientOf(command));
    if (options.json) printJson({ pid, version });
    else print(`podwire ${version} has taken over as process ${pid}`);
  });
}

/** Resolves when the successor carries, and the one before has ended. */
async function restart(client: ApiClient): Promise<NodeStatus> {
  const former = processId((await client.status()).pid);
  const successor = processId(await client.restart());
  while (successor && isAlive(successor)) {
    const status = await client.status().catch(() => undefined);
    if (status?.pid === successor.pid && status.phase === 'running' && !(former && isAlive(former))) return status;
    await delay(ASK);
  }
  const why = 'the process that was to take over has ended, its log says why';
  throw new PodwireError('REFUSED', `${why}; the podwire that ran goes on`);
}
