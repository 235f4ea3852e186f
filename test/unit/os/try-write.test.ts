import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tryWrite } from '../../../src/os/try-write.js';

t.test('a directory, one that is to be made, and what cannot be', async (t) => {
  const directory = t.testdir({ file: '' });
  for (const content of [true, false]) {
    t.equal(await tryWrite(directory, content), 'ok');
    t.equal(await tryWrite(join(directory, 'a', 'b'), content), 'ok');
    t.equal(await tryWrite(join(directory, 'file'), content), 'ENOTDIR');
    t.equal(await tryWrite(join(directory, 'file', 'a'), content), 'ENOTDIR');
    t.not(await tryWrite('/proc/x', content), 'ok');
  }
  t.strictSame(readdirSync(directory), ['file'], 'nothing stays');
});
