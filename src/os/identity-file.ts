/** The node's identity, kept in its state directory: made once, and never written again. */
import { join } from 'node:path';
import { Identity } from '../core/identity.js';
import { PodwireError } from '../wire/error.js';
import { createSecret, readSecret } from './secret-file.js';
import { makeStateDir } from './state-dir.js';

/**
 * Another identity would be another node to the cluster, which refuses it our name and our subnet: so a file that cannot
 * be used is an error, not a reason to make one.
 * @throws PodwireError MACHINE: the file is damaged, open to others, or cannot be read or written
 */
export async function loadOrMakeIdentity(stateDir: string): Promise<Identity> {
  const file = join(stateDir, 'identity');
  const kept = await readIdentity(file);
  if (kept) return kept;
  await makeStateDir(stateDir);
  const made = Identity.generate();
  if (await createSecret(file, made.toPem())) return made;
  // Another process was first: its identity is ours too.
  return loadOrMakeIdentity(stateDir);
}

async function readIdentity(file: string): Promise<Identity | undefined> {
  const pem = await readSecret(file);
  if (pem === undefined) return undefined;
  const identity = Identity.fromPem(pem);
  if (identity) return identity;
  throw new PodwireError(
    'MACHINE',
    `${file} does not hold an Ed25519 key; nothing was changed: put it back from a copy, or delete it to join as a stranger`,
  );
}
