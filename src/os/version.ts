/** The version of the package that runs. */
import { createRequire } from 'node:module';

const description = createRequire(import.meta.url)('podwire/package.json') as { version: string };

export const version: string = description.version;
