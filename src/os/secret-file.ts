/** Files that nobody but their owner may read. */
import { constants } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PodwireError } from '../wire/error.js';
import { syncDirectory } from './state-dir.js';

/** None is longer; a file that is was named by mistake. */
const MOST_BYTES = 65_536;

/** Permissions of everybody but the owner. */
const OTHERS = 0o077;

/**
 * A secret's text; undefined: there is no such file.
 * @throws PodwireError MACHINE: others can read it, it is no regular file, or it cannot be read
 */
export async function readSecret(file: string): Promise<string | undefined> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK the open of a pipe would wait for its writer.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cannot('read', file, error);
  }
  try {
    // Looked at through the descriptor, so that it is the file that is read.
    const facts = await handle.stat();
    if (!facts.isFile()) throw new PodwireError('MACHINE', `${file} is no regular file: nothing was read from it`);
    if ((facts.mode & OTHERS) !== 0) {
      const mode = (facts.mode & 0o777).toString(8).padStart(4, '0');
      throw new PodwireError(
        'MACHINE',
        `${file} holds a secret and is open to others (mode ${mode}): chmod 600 ${file}`,
      );
    }
    if (facts.size > MOST_BYTES) {
      throw new PodwireError(
        'MACHINE',
        `${file} has ${facts.size} bytes, too many for a secret: nothing was read from it`,
      );
    }
    return await handle.readFile('utf8');
  } catch (error) {
    throw error instanceof PodwireError ? error : cannot('read', file, error);
  } finally {
    await handle.close();
  }
}

/**
 * Writes a secret (0600) as a whole or not at all, over what was there.
 * @throws PodwireError MACHINE: it cannot be written; what was there before still is
 */
export async function replaceSecret(file: string, text: string): Promise<void> {
  await throughDraft(file, text, (draft) => rename(draft, file));
}

/**
 * Writes a secret (0600) as a whole or not at all, unless there is one.
 * @returns whether it was written; false: there is a file of that name, and it was left alone
 * @throws PodwireError MACHINE: it cannot be written
 */
export async function createSecret(file: string, text: string): Promise<boolean> {
  let made = true;
  await throughDraft(file, text, async (draft) => {
    try {
      // A link, unlike a rename, does not take the place of another.
      await link(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      made = false;
    }
  });
  return made;
}

/** Writes and syncs a draft, lets `name` give it its name, and leaves no draft behind. */
async function throughDraft(file: string, text: string, name: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  try {
    // One that a crash left could have other permissions than ours will.
    await rm(draft, { force: true });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await name(draft);
    await syncDirectory(dirname(file));
  } catch (error) {
    throw cannot('write', file, error);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
}

function cannot(what: string, file: string, error: unknown): PodwireError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const mend = code === 'EACCES' || code === 'EPERM' ? ': run as its owner' : '';
  return new PodwireError('MACHINE', `cannot ${what} ${file} (${code})${mend}; nothing was changed`, { cause: error });
}
