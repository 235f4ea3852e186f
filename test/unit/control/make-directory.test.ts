import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { makeDirectory } from '../../../src/control/make-directory.js';

const CLI = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

t.test('all that are missing are made, with the mode', async (t) => {
  const path = join(t.testdir({ file: '' }), 'a', 'b', 'c');
  await Promise.all([makeDirectory(path, 0o700), makeDirectory(path, 0o700)]);
  await makeDirectory(path);
  t.equal(statSync(join(path, '..', '..')).mode & 0o777, 0o700);
  t.equal(statSync(path).mode & 0o777, 0o700);
  await t.rejects(makeDirectory(join(path, '..', '..', '..', 'file')), { code: 'EEXIST' });
  await t.rejects(makeDirectory(join(path, '..', '..', '..', 'file', 'a')), { code: 'ENOTDIR' });
});

t.test('what cannot be made ends', async (t) => {
  for (const path of ['/proc/x', '/proc/x/y/z']) await t.rejects(makeDirectory(path), { code: 'ENOENT' });
});

/** What a command that must fail writes to standard error. */
function refusal(...argv: string[]): Promise<string> {
  return new Promise((resolve) => {
    // One that hangs does not heed SIGTERM.
    execFile(process.execPath, [CLI, ...argv], { timeout: 20_000, killSignal: 'SIGKILL' }, (error, _, stderr) =>
      resolve(error?.killed ? 'hangs' : error ? stderr : 'succeeds'),
    );
  });
}

t.test('commands that are given such a path say so', async (t) => {
  const own = mkdtempSync(join(tmpdir(), 'podwire-t-')); // a Unix socket's path is 107 bytes at most
  t.teardown(() => rmSync(own, { recursive: true }));
  t.match(
    await refusal('cni', 'install', '--bin-dir', own, '--conf-dir', '/proc/x'),
    /\/proc\/x\/10-podwire\.conflist cannot be changed \(ENOENT\)[^\n]*\n$/,
  );
  const up = [
    'up',
    '--node',
    'alpha',
    '--underlay',
    '127.0.0.1',
    '--pod-cidr',
    '10.244.1.0/24',
    '--cluster-cidr',
    '10.244.0.0/16',
  ];
  const socket = ['--socket', join(own, 'podwire.sock')];
  t.match(await refusal(...up, ...socket, '--state-dir', '/proc/x'), /^[^\n]*\/proc\/x cannot be written[^\n]*$/m);
  t.match(
    await refusal(...up, '--state-dir', own, '--socket', '/proc/x/y.sock'),
    /^[^\n]*\/proc\/x\/y\.sock cannot be written[^\n]*$/m,
  );
});
