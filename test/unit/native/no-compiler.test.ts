/** An installation where nothing compiles C: it succeeds, says what is lost, and the rest works. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../package-root.js';
import { temporaryFolder } from '../temporary-folder.js';

const NODE_ONLY = 'bin';

t.test('without a compiler', async (t) => {
  const folder = temporaryFolder(t);
  copyPackage(folder);
  const run = (...args: string[]) =>
    spawnSync(process.execPath, args, { cwd: folder, env: { PATH: join(folder, NODE_ONLY) }, encoding: 'utf8' });

  const install = run('native/install.mjs');
  t.equal(install.status, 0);
  t.match(install.stderr, /^podwire: .*there is no C compiler.*'podwire up' will not run, the library works.*\n$/);
  t.equal(install.stderr.trim().split('\n').length, 1, 'one line');

  const embedded = run('dist/examples/embedded/main.js');
  t.equal(embedded.status, 0, embedded.stderr);
  t.match(embedded.stdout, /bravo delivered \d+/);

  const config = ['--underlay', '192.0.2.1', '--pod-cidr', '10.244.1.0/24', '--cluster-cidr', '10.244.0.0/16'];
  for (const command of [['up', ...config], ['demo']]) {
    const refused = run('dist/src/cli/main.js', ...command);
    t.equal(refused.status, 2, command[0]);
    t.match(refused.stderr, /^podwire: the addon is not built: install a C compiler, then run 'npm rebuild'\n$/);
    t.equal(refused.stdout, '', 'before anything is made');
  }
});

/** As npm would unpack it, and a PATH with nothing but node. */
function copyPackage(folder: string): void {
  const root = packageRoot();
  for (const part of ['package.json', 'dist/src', 'dist/examples']) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  mkdirSync(join(folder, 'native'));
  for (const name of readdirSync(join(root, 'native'))) {
    if (/\.(c|h|mjs)$/.test(name)) cpSync(join(root, 'native', name), join(folder, 'native', name));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, NODE_ONLY));
  symlinkSync(process.execPath, join(folder, NODE_ONLY, 'node'));
}
