/** `npm run docs`: writes what is made from code. Run in the package's folder. */
import { writeFileSync } from 'node:fs';
import { configurationReference } from '../control/config/reference.js';
import { buildWholeProgram } from './program.js';
import { commandReference } from './reference.js';

writeFileSync('docs/configuration.md', configurationReference());
writeFileSync('docs/cli.md', commandReference(await buildWholeProgram()));
