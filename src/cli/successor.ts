/** Another process of the same command, to take the place of this one. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { PodwireError } from '../wire/error.js';

/**
 * Its words and its environment are those of this one; program and configuration are read anew.
 * @returns its number
 */
export async function startSuccessor(): Promise<number> {
  const words = [...process.execArgv, ...process.argv.slice(1).filter((word) => word !== '--takeover'), '--takeover'];
  // The shell ends at once: what it has started becomes a child of whoever started this process, and is watched by that.
  const child = spawn('sh', ['-c', '"$@" >&3 3>&- & echo $!', 'sh', process.execPath, ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 1],
    detached: true,
  });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const pid = Number(await Promise.race([child.stdout ? text(child.stdout) : '', failed]));
  if (!Number.isInteger(pid) || pid < 1) throw new PodwireError('REFUSED', 'no other process can be started');
  return pid;
}
