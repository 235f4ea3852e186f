/** The C addon as TypeScript sees it, and the one place that loads it. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ByteWork } from '../bytes/work.js';
import { PodwireError } from '../wire/error.js';
import type { SystemCalls } from './system-calls.js';

export interface Addon extends ByteWork, SystemCalls {
  /** The version of package.json that the addon was built from. */
  readonly version: string;
}

/** Why there is no addon to use, and what to do about it. */
export interface NoAddon {
  readonly problem: string;
  readonly cure: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Looks for the addon and loads it. In each thread the first call loads it, as Node does with any module.
 * The environment variable PODWIRE_ADDON names another file than the package's own.
 * @throws whatever loading an addon that is there throws: a broken build must not look like a missing one
 */
export function findAddon(env: Environment = process.env): Addon | NoAddon {
  const { file, version } = addonFile(env);
  const cure = "run 'npm rebuild', which needs a C compiler";
  if (!existsSync(file)) return { problem: 'the addon is not built', cure };
  const addon = createRequire(import.meta.url)(file) as Addon;
  if (addon.version === version) return addon;
  return { problem: `the addon was built for podwire ${addon.version}, this is ${version}`, cure };
}

/**
 * The addon, for who needs that and nothing in its place.
 * @throws PodwireError NO_ADDON: it is not built, or built for another version
 */
export function loadAddon(env: Environment = process.env): Addon {
  const found = findAddon(env);
  if ('problem' in found) throw new PodwireError('NO_ADDON', `${found.problem}: ${found.cure}`);
  return found;
}

/** The package's folder is the nearest above that has its package.json: sources and build lie at different depths. */
function addonFile(env: Environment): { file: string; version: string } {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const description = join(folder, 'package.json');
    if (existsSync(description)) {
      const { name, version } = JSON.parse(readFileSync(description, 'utf8')) as { name: string; version: string };
      if (name === 'podwire') {
        return { file: env['PODWIRE_ADDON'] ?? join(folder, 'native', 'build', 'podwire.node'), version };
      }
    }
    if (dirname(folder) === folder) throw new PodwireError('INTERNAL', 'package.json of podwire is not to be found');
    folder = dirname(folder);
  }
}
