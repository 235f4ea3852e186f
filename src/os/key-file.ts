/** The file that holds the keyring (`gossip.keyFile`): one key a line, the first seals. */
import { formatKeyring, type Keyring, parseKeyring } from '../core/keyring.js';
import { PodwireError } from '../wire/error.js';
import { readSecret, replaceSecret } from './secret-file.js';

/**
 * @throws PodwireError CONFIG: there is no such file, or a line of it is no key; MACHINE: others can read it, or we cannot
 */
export async function readKeyFile(file: string): Promise<Keyring> {
  const text = await readSecret(file);
  if (text === undefined) {
    // Whoever joins with a key of their own is heard by nobody.
    throw new PodwireError(
      'CONFIG',
      `${file}: there is no such file: copy it from another node of the cluster; for a new cluster: (umask 077; podwire key new > ${file})`,
    );
  }
  return parseKeyring(text, file);
}

/**
 * Rewrites the file after the ring was changed.
 * @throws PodwireError MACHINE: it cannot be written; the keys that were in it still are
 */
export async function writeKeyFile(file: string, ring: Keyring): Promise<void> {
  await replaceSecret(file, formatKeyring(ring));
}
