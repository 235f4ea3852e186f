import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { buildWholeProgram, COMMANDS } from '../../../src/cli/program.js';
import { commandReference } from '../../../src/cli/reference.js';
import { packageRoot } from '../package-root.js';

t.test('docs/cli.md is what the commands say', async (t) => {
  const reference = commandReference(await buildWholeProgram());
  const committed = readFileSync(join(packageRoot(), 'docs/cli.md'), 'utf8');
  t.ok(committed === reference, 'docs/cli.md is not current: run `npm run docs`');
  for (const { name } of COMMANDS) t.match(reference, `\n## podwire ${name}\n`);
});
