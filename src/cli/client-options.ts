/** Which running node a command asks. */
import type { Command } from 'commander';
import { ApiClient } from '../api/client.js';
import { DEFAULT_SOCKET } from '../control/config/defaults.js';
import { PodwireError } from '../wire/error.js';

export function addSocketOption(command: Command): Command {
  return command.option('--socket <PATH>', `the node's socket (default: the one of --config, else ${DEFAULT_SOCKET})`);
}

export function addClientOptions(command: Command): Command {
  return addSocketOption(command).option('--json', 'print JSON');
}

/** A client of the node that the options name: `--socket`, else the socket of the file, else the default one. */
export async function clientOf(command: Command): Promise<ApiClient> {
  return new ApiClient(await socketOf(command));
}

/** Its path. */
export async function socketOf(command: Command): Promise<string> {
  const { socket, config } = command.optsWithGlobals<{ socket?: string; config?: string }>();
  return socket ?? (config === undefined ? DEFAULT_SOCKET : await socketIn(config));
}

/** Reads that one key; whether the rest is right is not asked. */
async function socketIn(file: string): Promise<string> {
  const { readConfigFile } = await import('../control/config/read-file.js');
  const raw = readConfigFile(file) as { socket?: unknown } | null;
  const socket = raw?.socket ?? DEFAULT_SOCKET;
  if (typeof socket !== 'string') throw new PodwireError('CONFIG', `${file}: socket must be the path of a Unix socket`);
  return socket;
}
