import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatKey, Keyring } from '../../../src/core/keyring.js';
import { readKeyFile, writeKeyFile } from '../../../src/os/key-file.js';

const key = (fill: number) => new Uint8Array(32).fill(fill);

t.test('written and read', async (t) => {
  const file = join(t.testdir({}), 'keys');
  const ring = Keyring.of([key(1), key(2)]);
  await writeKeyFile(file, ring);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(readFileSync(file, 'utf8'), `${formatKey(key(1))}\n${formatKey(key(2))}\n`);
  t.same((await readKeyFile(file)).ids, ring.ids);
  await writeKeyFile(file, ring.use(ring.ids[1]));
  t.same((await readKeyFile(file)).ids, [ring.ids[1], ring.ids[0]]);
  t.same(readdirSync(join(file, '..')), ['keys'], 'no draft is left');
});

t.test('rewritten, a file has our permissions, whatever lay in the way', async (t) => {
  const file = join(t.testdir({ keys: 'old' }), 'keys');
  writeFileSync(`${file}.${process.pid}.new`, 'left by a crash', { mode: 0o644 });
  chmodSync(file, 0o666);
  await writeKeyFile(file, Keyring.of([key(1)]));
  t.equal(statSync(file).mode & 0o777, 0o600);
});

t.test('a file that others can read is refused, with the mend', async (t) => {
  const file = join(t.testdir({ keys: `${formatKey(key(1))}\n` }), 'keys');
  for (const mode of [0o604, 0o640, 0o620, 0o601]) {
    chmodSync(file, mode);
    await t.rejects(readKeyFile(file), {
      code: 'MACHINE',
      message: `${file} holds a secret and is open to others (mode 0${mode.toString(8)}): chmod 600 ${file}`,
    });
  }
  chmodSync(file, 0o400);
  t.same((await readKeyFile(file)).ids, Keyring.of([key(1)]).ids);
});

t.test('what is no such file says so', async (t) => {
  const folder = t.testdir({ folder: {} });
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', ['-m', '600', pipe]);
  await t.rejects(readKeyFile(pipe), { code: 'MACHINE', message: /is no regular file/ });
  await t.rejects(readKeyFile(join(folder, 'folder')), { code: 'MACHINE', message: /is no regular file/ });
  await t.rejects(readKeyFile(join(folder, 'none')), {
    code: 'CONFIG',
    message: /no such file: copy it from another node .*; for a new cluster: \(umask 077; podwire key new > /,
  });
  const large = join(folder, 'large');
  writeFileSync(large, 'x'.repeat(65_537), { mode: 0o600 });
  await t.rejects(readKeyFile(large), { code: 'MACHINE', message: /too many for a secret/ });
  await t.rejects(writeKeyFile(join(folder, 'none', 'keys'), Keyring.of([key(1)])), {
    code: 'MACHINE',
    message: /cannot write .*ENOENT.*nothing was changed/,
  });
});

t.test('a line that is no key', async (t) => {
  const file = join(t.testdir({}), 'keys');
  writeFileSync(file, `${formatKey(key(1))}\nhunter2\n`, { mode: 0o600 });
  await t.rejects(readKeyFile(file), {
    code: 'CONFIG',
    message: `${file}:2: is not a key: a line is base64 of 32 bytes, 44 characters`,
  });
});
