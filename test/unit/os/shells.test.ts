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
