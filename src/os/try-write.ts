/** Whether files can be made in a directory, before anything depends on it. */
import { randomUUID } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** A file system that is full still takes an empty file. */
const BLOCK = Buffer.alloc(4096);

/**
 * Makes a file in a directory, or in the nearest above that is there, and removes it.
 * @param content whether it has to take some
 * @returns `ok`, or the errno
 */
export async function tryWrite(directory: string, content: boolean): Promise<string> {
  try {
    const file = join(await nearest(resolve(directory)), `.podwire-${randomUUID()}`);
    const handle = await open(file, 'wx', 0o600);
    try {
      if (content) await handle.writeFile(BLOCK);
    } finally {
      await handle.close();
      await rm(file, { force: true });
    }
    return 'ok';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

async function nearest(directory: string): Promise<string> {
  try {
    await stat(directory);
    return directory;
  } catch (error) {
    const above = dirname(directory);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === directory) throw error;
    return nearest(above);
  }
}
