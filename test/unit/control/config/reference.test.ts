import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { flags } from '../../../../src/control/config/flags.js';
import { parseConfig } from '../../../../src/control/config/load.js';
import { configurationReference } from '../../../../src/control/config/reference.js';
import { packageRoot } from '../../package-root.js';

t.test('docs/configuration.md is what the schema says', async (t) => {
  const committed = readFileSync(join(packageRoot(), 'docs/configuration.md'), 'utf8');
  t.ok(committed === configurationReference(), 'docs/configuration.md is not current: run `npm run docs`');
});

t.test('it names every key', async (t) => {
  for (const { key, name } of flags()) t.match(configurationReference(), new RegExp(`\`${key}\` \\| \`--${name}[ \`]`));
});

t.test('its example is a good configuration', async (t) => {
  const yaml = /```yaml\n(.*?)```/s.exec(configurationReference())?.[1];
  t.match(parseConfig(parse(yaml ?? ''), { hostname: 'x', cores: 1 }), {
    config: { node: 'alpha', peers: [{ node: 'bravo' }] },
  });
});
