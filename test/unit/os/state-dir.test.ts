import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatMac, macFromName } from '../../../src/core/mac.js';
import { deleteFile, loadOrMakeMac, makeStateDir, readIfThere, writeDurably } from '../../../src/os/state-dir.js';

t.test('the directory is made for its owner alone, and kept', async (t) => {
  const stateDir = join(t.testdir(), 'a', 'b');
  await makeStateDir(stateDir);
  t.equal(statSync(stateDir).mode & 0o777, 0o700);
  chmodSync(stateDir, 0o750);
  await makeStateDir(stateDir);
  t.equal(statSync(stateDir).mode & 0o777, 0o750, "an operator's choice stands");
});

t.test('a file in the place of the directory', async (t) => {
  const stateDir = join(t.testdir({ file: '' }), 'file');
  await t.rejects(makeStateDir(stateDir), {
    code: 'MACHINE',
    message: /^cannot make the directory \S+ \(EEXIST\): [^\n]+$/,
  });
});

t.test('the MAC is made once, by the rule for all', async (t) => {
  const stateDir = join(t.testdir(), 'state');
  const made = await loadOrMakeMac(stateDir, 'alpha');
  t.same(made, macFromName('alpha'));
  t.equal(readFileSync(join(stateDir, 'mac'), 'utf8'), `${formatMac(made)}\n`);
  t.same(await loadOrMakeMac(stateDir, 'renamed'), made, 'and kept, whatever the name');
});

t.test('an operator may give another, not just anything', async (t) => {
  const stateDir = t.testdir();
  const file = join(stateDir, 'mac');
  writeFileSync(file, '02:00:5E:10:00:01');
  t.equal(formatMac(await loadOrMakeMac(stateDir, 'alpha')), '02:00:5e:10:00:01');
  for (const text of [
    '',
    'garbage',
    '01:00:5e:00:00:01',
    '00:00:00:00:00:00',
    '02:00:5e:10:00',
    '02:00:5e:10:00:01 x',
  ]) {
    writeFileSync(file, text);
    await t.rejects(loadOrMakeMac(stateDir, 'alpha'), {
      code: 'MACHINE',
      message: `${file} does not hold a unicast MAC address: delete it, and it is made anew`,
    });
    t.equal(readFileSync(file, 'utf8'), text, 'left for the operator to see');
  }
});

t.test('a file is written as a whole or not at all', async (t) => {
  const directory = t.testdir({ taken: {} });
  const file = join(directory, 'file');
  t.equal(await readIfThere(file), undefined);
  await writeDurably(file, 'one');
  await writeDurably(file, 'two');
  t.equal(await readIfThere(file), 'two');
  t.equal(statSync(file).mode & 0o777, 0o600);
  await t.rejects(writeDurably(join(directory, 'taken'), 'x'), { code: 'MACHINE' }, 'a directory has that name');
  t.same(readdirSync(directory).sort(), ['file', 'taken'], 'no draft is left');
  await deleteFile(file);
  await deleteFile(file);
  t.notOk(existsSync(file));
});

t.test('a disk that is full is called so', { skip: !existsSync('/dev/full') && 'needs /dev/full' }, async (t) => {
  const file = join(t.testdir(), 'file');
  symlinkSync('/dev/full', `${file}.new`);
  await t.rejects(writeDurably(file, 'text'), {
    code: 'MACHINE',
    message: `cannot write ${file} (ENOSPC): the disk is full: make room or choose another with --state-dir`,
  });
});
