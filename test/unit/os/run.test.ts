import t from 'tap';
import { run } from '../../../src/os/run.js';

t.test('outcomes, none of them thrown', async (t) => {
  t.same(await run('cat', [], 'in\n'), { code: 0, stdout: 'in\n', stderr: '' });
  t.same(await run('sh', ['-c', 'echo out; echo no >&2; exit 3']), { code: 3, stdout: 'out\n', stderr: 'no\n' });
  t.match(await run('podwire-no-such-program', []), { code: undefined, failure: 'ENOENT' });
  t.match(await run('sh', ['-c', 'kill -9 $$']), { code: undefined, failure: 'SIGKILL' });
});

t.test('a program that does not read what it is given', async (t) => {
  t.match(await run('true', [], 'x'.repeat(1 << 20)), { code: 0 });
});
