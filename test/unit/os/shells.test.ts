import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Shells } from '../../../src/os/shells.js';

t.test('programs run in shells that wait, as many at a time as there may be', async (t) => {
  const shells = new Shells(2);
  t.teardown(() => shells.close());
  t.match(await shells.run('cat', [], 'one\ntwo $HOME `id`\n'), { code: 0, stdout: 'one\ntwo $HOME `id`\n' });
  t.match(await shells.run('cat', []), { code: 0, stdout: '' });
  t.match(await shells.run('sh', ['-c', "echo it\\'s >&2; exit 3"]), { code: 3, stderr: "it's\n" });
  t.match(await shells.run('no-such-program', []), { code: undefined, failure: 'ENOENT' });
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => shells.run('cat', [], `${i}`)));
  t.same(
    many.map(({ stdout }) => stdout),
    Array.from({ length: 20 }, (_, i) => `${i}\n`),
  );
  const large = 'x'.repeat(100).concat('\n').repeat(3000);
  t.equal((await shells.run('cat', [], large)).stdout, large, 'larger than a pipe');
  t.match(await shells.run('sh', ['-c', 'kill -9 $PPID']), { code: undefined, failure: 'SIGKILL' });
  t.match(await shells.run('echo', ['again']), { code: 0, stdout: 'again\n' }, 'another takes its place');
});

t.test('a program that is cut off is gone, with all that it started', async (t) => {
  const shells = new Shells(1, 200);
  t.teardown(() => shells.close());
  const file = join(t.testdir(), 'started');
  /** Of those that the script has written down, all are gone: with the answer, or a moment after what they had open. */
  const gone = () => until(() => readFileSync(file, 'utf8').trim().split('\n').map(Number).every(ended));
  const script = `sleep 60 & printf '%s\n' $$ $! > ${file}; sleep 60`;
  t.match(await shells.run('sh', ['-c', script]), { code: undefined, failure: 'SIGKILL' });
  await t.resolves(gone(), 'nothing comes after the answer');
  const orphaned = `sleep 60 & printf '%s\n' $$ $! > ${file}; kill -9 $PPID; sleep 60`;
  t.match(await shells.run('sh', ['-c', orphaned]), { code: undefined, failure: 'SIGKILL' });
  await t.resolves(gone(), 'nor after a shell that somebody else ended');
});

t.test('a shell that ended while it waited is not asked', async (t) => {
  const shells = new Shells(1, 1_000);
  t.teardown(() => shells.close());
  const { stdout } = await shells.run('sh', ['-c', 'echo $PPID']);
  process.kill(Number(stdout), 'SIGKILL');
  await until(() => !existsSync(`/proc/${stdout.trim()}`));
  t.match(await shells.run('echo', ['again']), { code: 0, stdout: 'again\n' });
});

t.test('shells end with the process that has them, whatever ends it', async (t) => {
  const module = new URL('../../../src/os/shells.js', import.meta.url);
  const program = `
    import { Shells } from ${JSON.stringify(module.href)};
    const shells = new Shells(2);
    const asked = ['echo $PPID', 'sleep 0.5; echo $PPID'].map((text) => shells.run('sh', ['-c', text]));
    for (const { stdout } of await Promise.all(asked)) console.log(stdout.trim());
    shells.run('sleep', ['0.5']);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await until(() => output.split('\n').length === 3);
  child.kill('SIGKILL');
  const pids = output.trim().split('\n').map(Number);
  t.equal(pids.length, 2);
  await until(() => pids.every(ended));
});

/** A zombie that nobody waits for has ended too. */
function ended(pid: number): boolean {
  try {
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

async function until(done: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !done(); await delay(20)) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
  }
}
