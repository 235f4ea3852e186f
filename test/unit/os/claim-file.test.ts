import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ClaimFile } from '../../../src/os/claim-file.js';
import { prefix } from '../control/sample-config.js';

const RANGE = [prefix('10.244.0.0/16'), prefix('fd00:244::/48')];
const CLAIM = { podCidr: [prefix('10.244.7.0/24'), prefix('fd00:244:0:7::/64')], epoch: 4 };

t.test('what was held is there after a restart', async (t) => {
  const directory = t.testdir({});
  const file = new ClaimFile(directory, RANGE, { 4: 24, 6: 64 });
  t.same(await file.read(), {}, 'nothing yet');
  await file.write(CLAIM, 1000);
  t.same(await new ClaimFile(directory, RANGE, { 4: 24, 6: 64 }).read(), { claim: { ...CLAIM, seen: 1000 } });
  await file.delete();
  await file.delete();
  t.same(await file.read(), {});
});

t.test('of another cluster, or another size, it is none', async (t) => {
  const directory = t.testdir({});
  await new ClaimFile(directory, RANGE, { 4: 24, 6: 64 }).write(CLAIM, 1000);
  t.match(await new ClaimFile(directory, RANGE, { 4: 25, 6: 64 }).read(), {
    claim: undefined,
    warning: /claims a subnet anew$/,
  });
  t.match(await new ClaimFile(directory, [prefix('10.0.0.0/8')], { 4: 24, 6: 64 }).read(), {
    warning: /10\.244\.0\.0\/16/,
  });
});

t.test('a damaged one is a warning', async (t) => {
  const directory = t.testdir({});
  const file = new ClaimFile(directory, RANGE, { 4: 24, 6: 64 });
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"podCidr":[],"epoch":1,"cluster":"x","seen":1}',
    '{"podCidr":["10.0.0.1/8"],"epoch":1,"cluster":"x","seen":1}',
    '{"podCidr":["10.0.0.0/8"],"epoch":"1","cluster":"x","seen":1}',
    '{"podCidr":["10.0.0.0/8"],"epoch":-1,"cluster":"x","seen":1}',
    '{"podCidr":["10.0.0.0/8"],"epoch":4294967296,"cluster":"x","seen":1}',
    '{"podCidr":["10.0.0.0/8"],"epoch":1,"cluster":"x","seen":1.5}',
    '{"podCidr":[["10.0.0.0/8"]],"epoch":1,"cluster":"x","seen":1}',
    '{"podCidr":["10.0.0.0/8"],"epoch":1,"seen":1}',
  ]) {
    writeFileSync(join(directory, 'claim'), text);
    t.match(await file.read(), { claim: undefined, warning: /is damaged: the node claims a subnet anew$/ }, text);
  }
});
