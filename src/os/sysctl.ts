/** Kernel settings below /proc/sys, which shows those of the reader's own network namespace. */
import { readFile, writeFile } from 'node:fs/promises';
import type { DesiredSysctl } from '../control/desired-host.js';
import { PodwireError } from '../wire/error.js';

/** A setting's value; undefined where the kernel has none of that name. */
export async function readSysctl(path: string): Promise<string | undefined> {
  return readFile(`/proc/sys/${path}`, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

/**
 * Sets what differs, so that a read-only /proc/sys does no harm where everything is right already.
 * @throws PodwireError MACHINE: a needed one could not be set
 */
export async function setSysctls(sysctls: readonly DesiredSysctl[]): Promise<void> {
  await Promise.all(sysctls.map(setSysctl));
}

async function setSysctl({ path, value, needed }: DesiredSysctl): Promise<void> {
  if ((await readSysctl(path)) === value) return;
  try {
    await writeFile(`/proc/sys/${path}`, value);
  } catch (error) {
    if (needed) throw new PodwireError('MACHINE', `cannot set /proc/sys/${path} to ${value} (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
