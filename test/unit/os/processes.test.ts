import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { endProcess, isAlive, processId, sharesNetwork, statFields } from '../../../src/os/processes.js';

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

t.test('one whose first thread has ended lives as long as another', async (t) => {
  const child = spawn('python3', ['-uc', LEADERLESS], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const leader = processId(child.pid ?? 0);
  if (!leader) throw new Error('a process that was started');
  while (statFields(leader.pid)[0] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
  t.ok(isAlive(leader), 'what it has open is open');
  child.stdin.end();
  while (isAlive(leader)) await new Promise((resolve) => setTimeout(resolve, 5));
  t.pass('then it is gone');
});

/** Ends its first thread alone (exit(2), not exit_group), another waits for the end of its input. */
const LEADERLESS = `
import ctypes, os, sys, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0))).start()
print('up')
ctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)
`;
