/** Directories, as `mkdir -p` makes them. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Node's own `recursive` tries for ever, sync or not, where a directory that is there has no room for another (/proc/x).
 * @param mode of all that are made
 * @throws the kernel's error
 */
export async function makeDirectory(directory: string, mode = 0o777): Promise<void> {
  const path = resolve(directory);
  try {
    await mkdir(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (await isDirectory(path)) return;
    if (code !== 'ENOENT') throw error;
    const above = dirname(path);
    if (!(await isDirectory(above))) await makeDirectory(above, mode);
    await makeOne(path, mode);
  }
}

/** In a directory that is there. Somebody else may make it meanwhile. */
async function makeOne(path: string, mode: number): Promise<void> {
  await mkdir(path, mode).catch(async (error) => {
    if (!(await isDirectory(path))) throw error;
  });
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
