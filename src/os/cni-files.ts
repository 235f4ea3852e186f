/** The plugin and its configuration, put where a container runtime looks for them, and taken away again. */
import { existsSync } from 'node:fs';
import { chmod, copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDirectory } from '../control/make-directory.js';
import { PodwireError } from '../wire/error.js';

export const PLUGIN_NAME = 'podwire-cni';
/** Runtimes take the first file of the directory, by name. */
const CONFLIST = '10-podwire.conflist';
const MOST_BYTES = 4 << 20;

/** Built with the addon; where there is no compiler it is not there. */
export const COMPILED_PLUGIN = fileURLToPath(new URL('../../../native/build/podwire-cni', import.meta.url));
/** The same for Node. */
export const PLUGIN_TWIN = fileURLToPath(new URL('../api/cni-plugin.js', import.meta.url));

export interface CniPlaces {
  /** Of plugins. */
  readonly binDir: string;
  /** Of network configurations. */
  readonly confDir: string;
}

/**
 * Writes both, each as a whole or not at all.
 * @returns the files
 * @throws PodwireError MACHINE: one cannot be written
 */
export async function installCni({ binDir, confDir }: CniPlaces, conflist: object): Promise<string[]> {
  const [plugin, configuration] = [join(binDir, PLUGIN_NAME), join(confDir, CONFLIST)];
  await inWords(plugin, async () => {
    await makeDirectory(binDir);
    await whole(plugin, async (draft) => {
      if (existsSync(COMPILED_PLUGIN)) await copyFile(COMPILED_PLUGIN, draft);
      // Whatever PATH a runtime has: both are named whole.
      else await writeFile(draft, `#!/bin/sh\n# ${PLUGIN_NAME}\nexec '${process.execPath}' '${PLUGIN_TWIN}'\n`);
      await chmod(draft, 0o755);
    });
  });
  await inWords(configuration, async () => {
    await makeDirectory(confDir);
    await whole(configuration, (draft) => writeFile(draft, `${JSON.stringify(conflist, null, 2)}\n`, { mode: 0o644 }));
  });
  return [plugin, configuration];
}

/** containerd's CRI calls this plugin for every pod, before the network's. */
export function loopbackMissing({ binDir }: Pick<CniPlaces, 'binDir'>): boolean {
  return !existsSync(join(binDir, 'loopback'));
}

/**
 * Removes both, if they are ours.
 * @returns the files that were removed
 */
export async function uninstallCni({ binDir, confDir }: CniPlaces): Promise<string[]> {
  const removed: string[] = [];
  // The configuration first: a runtime must not find one whose plugin is gone.
  for (const file of [join(confDir, CONFLIST), join(binDir, PLUGIN_NAME)]) {
    const text = await readFile(file, 'latin1').catch(() => '');
    if (text.length > MOST_BYTES || !text.includes(PLUGIN_NAME)) continue;
    await inWords(file, () => rm(file));
    removed.push(file);
  }
  return removed;
}

async function whole(file: string, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  try {
    await write(draft);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

async function inWords(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new PodwireError('MACHINE', `${file} cannot be changed (${code}): run as root, or choose another directory`);
  }
}
