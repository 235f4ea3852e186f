import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { endProcess, isAlive, processId, sharesNetwork } from '../../../src/os/processes.js';

t.test('a process is who it was, or is not there', async (t) => {
  const own = processId(process.pid);
  if (!own) throw new Error('this process lives');
  t.ok(isAlive(own));
  t.ok(sharesNetwork(own));
  t.notOk(isAlive({ ...own, started: own.started - 1 }), 'another had this number before');
  t.equal(processId(0x7fff_ffff), undefined);
  t.notOk(sharesNetwork({ pid: 0x7fff_ffff, started: 0 }));
});

t.test('one that is ended, one that does not hear, one whose parent does not look', async (t) => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const sleeper = processId(child.pid ?? 0);
  if (!sleeper) throw new Error('a process that was started');
  t.ok(await endProcess(sleeper, 'SIGTERM', 5_000));
  t.notOk(isAlive(sleeper));
  t.ok(await endProcess(sleeper, 'SIGTERM', 0), 'and it stays so');

  const script = `trap '' TERM; (exit) & echo $!; while :; do sleep 0.1; done`;
  const deaf = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(deaf.stdout, 'data');
  while (processId(Number(String(line)))) await new Promise((resolve) => setTimeout(resolve, 5));
  t.pass('a zombie is none');
  const id = processId(deaf.pid ?? 0);
  if (!id) throw new Error('a process that was started');
  t.notOk(await endProcess(id, 'SIGTERM', 50));
  t.ok(await endProcess(id, 'SIGKILL', 5_000));
});
