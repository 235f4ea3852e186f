import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadOrMakeIdentity } from '../../../src/os/identity-file.js';
import { createSecret } from '../../../src/os/secret-file.js';

t.test('made once and kept', async (t) => {
  const stateDir = join(t.testdir({}), 'state');
  const made = await loadOrMakeIdentity(stateDir);
  t.equal(statSync(join(stateDir, 'identity')).mode & 0o777, 0o600);
  t.equal(statSync(stateDir).mode & 0o777, 0o700);
  t.same((await loadOrMakeIdentity(stateDir)).publicKey, made.publicKey);
  t.same(readdirSync(stateDir), ['identity'], 'no draft is left');
});

t.test('who comes second makes none', async (t) => {
  const file = join(t.testdir({ identity: 'the first' }), 'identity');
  t.equal(await createSecret(file, 'the second'), false);
  t.equal(readFileSync(file, 'utf8'), 'the first');
  t.same(readdirSync(join(file, '..')), ['identity'], 'no draft is left');
});

t.test('a damaged one is an error, and left as it is', async (t) => {
  const stateDir = t.testdir({});
  const file = join(stateDir, 'identity');
  for (const text of ['', 'nonsense\n']) {
    writeFileSync(file, text, { mode: 0o600 });
    await t.rejects(loadOrMakeIdentity(stateDir), {
      code: 'MACHINE',
      message: /does not hold an Ed25519 key; nothing was changed: .*/,
    });
    t.equal(readFileSync(file, 'utf8'), text);
  }
  chmodSync(file, 0o644);
  await t.rejects(loadOrMakeIdentity(stateDir), { code: 'MACHINE', message: /chmod 600/ });
});
