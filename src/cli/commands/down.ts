import type { Command } from 'commander';
import { DEFAULT_DEVICE, DEFAULT_STATE_DIR } from '../../control/config/defaults.js';
import { PodwireError } from '../../wire/error.js';
import { addClientOptions, clientOf } from '../client-options.js';
import { addExamples } from '../help.js';
import { print, printJson } from '../output.js';

export function configure(command: Command): void {
  addClientOptions(command);
  addExamples(command, [
    ['podwire down', 'returns when device, addresses and routes are gone'],
    ['podwire down --config /etc/podwire.yaml', 'the node with the socket of that file'],
  ]);
  command.addHelpText(
    'after',
    `
If no node runs it removes what an earlier one has left for the next: the process that keeps the device while pods live, and
the device. State directory, device and ranges are those of --config, else the default ones; with --socket it only asks.`,
  );
  command.action(async (options: { json?: boolean }) => {
    const removed = (await end(command)) ? 'podwire is down: what it made is removed' : LEFT;
    if (options.json) printJson({ down: true });
    else print(removed);
  });
}

const LEFT = 'no podwire runs; what an earlier one left for the next is removed';

/** @returns false: none ran, and it has left something */
async function end(command: Command): Promise<boolean> {
  try {
    await (await clientOf(command)).down();
    return true;
  } catch (error) {
    const { socket, config } = command.optsWithGlobals<{ socket?: string; config?: string }>();
    const gone = error instanceof PodwireError && error.code === 'NO_AGENT';
    if (!gone || socket !== undefined || !(await takeLeft(config))) throw error;
    return false;
  }
}

async function takeLeft(file: string | undefined): Promise<boolean> {
  const { loadConfig } = await import('../../control/config/load.js');
  const { takeAway } = await import('../../os/take-away.js');
  const defaults = { stateDir: DEFAULT_STATE_DIR, device: DEFAULT_DEVICE, clusterCidr: [] };
  return takeAway(file === undefined ? defaults : loadConfig({ file }));
}
