/** An installation where nothing compiles C: it succeeds, says that it is slower, and carries traffic all the same. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Lab } from '../../../src/lab/lab.js';
import { ping } from '../../../src/lab/tools.js';
import { koffiSkip, namespaceSkip, needs } from '../../hosts/lab.js';
import { packageRoot } from '../package-root.js';
import { temporaryFolder } from '../temporary-folder.js';

const NODE_ONLY = 'bin';

const skip = namespaceSkip() || koffiSkip() || needs('ping', 'iputils-ping');

t.test('without a compiler: up works through koffi, and says in one line that it is slower', { skip }, async (t) => {
  const folder = temporaryFolder(t);
  copyPackage(folder);
  const lab = await Lab.create({ name: 'nocompiler', hosts: 2 });
  t.teardown(() => lab.destroy());
  const command = [process.execPath, join(folder, 'dist/src/cli/main.js')];
  const [node] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host, { command })));
  t.match(
    node.log(),
    /^.*"warn".*the addon is not built: koffi makes the system calls .*slower; run 'npm rebuild', which needs a C compiler"}\nready .*\n$/,
  );
  for (const address of lab.hosts[1].pods[0].addresses) t.ok(await ping(lab, lab.hosts[0].pods[0], address));
  const check = await lab.exec(lab.hosts[0], [...command, 'check', '--config', node.configFile]);
  t.match(check.stdout, /addon .*the addon is not built: koffi does its work, slower/);
  t.match(check.stdout, /run 'npm rebuild', which needs a C compiler/);
  t.equal((await node.stop()).code, 0);
});

t.test('with neither compiler nor koffi: up is refused, the library works', async (t) => {
  const folder = temporaryFolder(t);
  copyPackage(folder, 'koffi');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, args, { cwd: folder, env: { PATH: join(folder, NODE_ONLY) }, encoding: 'utf8' });

  const install = run('native/install.mjs');
  t.equal(install.status, 0);
  t.match(
    install.stderr,
    /^podwire: .*there is no C compiler.*works through the package koffi.*slower.*npm rebuild.*\n$/,
  );
  t.equal(install.stderr.trim().split('\n').length, 1, 'one line');

  const embedded = run('dist/examples/embedded/main.js');
  t.equal(embedded.status, 0, embedded.stderr);
  t.match(embedded.stdout, /the network lost 4 of them\nbravo delivered 46,/);

  const config = ['--underlay', '192.0.2.1', '--pod-cidr', '10.244.1.0/24', '--cluster-cidr', '10.244.0.0/16'];
  for (const command of [['up', ...config], ['demo']]) {
    const refused = run('dist/src/cli/main.js', ...command);
    t.equal(refused.status, 2, command[0]);
    t.equal(
      refused.stderr,
      "podwire: the addon is not built, and koffi is not installed: run 'npm rebuild', which needs a C compiler, or 'npm install koffi'\n",
    );
    t.equal(refused.stdout, '', 'before anything is made');
  }
});

/**
 * As npm would unpack it, and a PATH with nothing but node.
 * @param without a package that is not installed
 */
function copyPackage(folder: string, without?: string): void {
  const root = packageRoot();
  for (const part of ['package.json', 'dist/src', 'dist/examples']) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  mkdirSync(join(folder, 'native'));
  for (const name of readdirSync(join(root, 'native'))) {
    if (/\.(c|h|mjs)$/.test(name)) cpSync(join(root, 'native', name), join(folder, 'native', name));
  }
  mkdirSync(join(folder, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== without) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  mkdirSync(join(folder, NODE_ONLY));
  symlinkSync(process.execPath, join(folder, NODE_ONLY, 'node'));
}
