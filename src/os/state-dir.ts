/** The node's own directory: what must outlive the process. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory } from '../control/make-directory.js';
import { mendOf } from '../control/unwritable.js';
import { formatMac, macFromName, parseMac } from '../core/mac.js';
import { PodwireError } from '../wire/error.js';
import { macIsGroup, macIsZero } from '../wire/ethernet.js';

/**
 * Makes the directory (0700) where it is missing.
 * @throws PodwireError MACHINE: it cannot be made
 */
export async function makeStateDir(stateDir: string): Promise<void> {
  try {
    await makeDirectory(stateDir, 0o700);
  } catch (error) {
    throw cannot('make the directory', stateDir, error);
  }
}

/**
 * Our MAC: made once from the node's name, by the rule by which peers derive it too, and kept. An operator may write
 * another into the file `mac`; peers then need it in their configuration.
 * @throws PodwireError MACHINE: the file holds no MAC, or cannot be read or written
 */
export async function loadOrMakeMac(stateDir: string, node: string): Promise<Uint8Array> {
  const file = join(stateDir, 'mac');
  const text = await readIfThere(file);
  if (text === undefined) {
    const made = macFromName(node);
    await makeStateDir(stateDir);
    await writeDurably(file, `${formatMac(made)}\n`);
    return made;
  }
  const mac = parseMac(text.trim());
  if (mac === undefined || macIsGroup(mac, 0) || macIsZero(mac, 0)) {
    throw new PodwireError('MACHINE', `${file} does not hold a unicast MAC address: delete it, and it is made anew`);
  }
  return mac;
}

/**
 * A small file's text; undefined: there is none.
 * @throws PodwireError MACHINE: it is there and cannot be read
 */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cannot('read', file, error);
  }
}

/**
 * Writes a file as a whole or not at all. Synced before it gets its name: else a power cut could leave the name with
 * nothing behind it.
 * @throws PodwireError MACHINE: it cannot be written; what was there before still is
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const draft = `${file}.new`;
  try {
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw cannot('write', file, error);
  }
}

/**
 * Deletes a file; one that is not there is no error.
 * @throws PodwireError MACHINE: it cannot be deleted
 */
export async function deleteFile(file: string): Promise<void> {
  await rm(file, { force: true }).catch((error) => {
    throw cannot('delete', file, error);
  });
}

/** A rename is durable when its directory is. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function cannot(what: string, path: string, error: unknown): PodwireError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new PodwireError(
    'MACHINE',
    `cannot ${what} ${path} (${code}): ${mendOf(code, "check 'stateDir'")} or choose another with --state-dir`,
  );
}
