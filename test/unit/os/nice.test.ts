/** The nice value of real processes: of one that leads its session, and of one in another's. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const CHILD = fileURLToPath(new URL('./nice-child.js', import.meta.url));
const AUTOGROUP = existsSync('/proc/self/autogroup');

interface Report {
  readonly refused?: string;
  /** Of the main thread, and of a thread started afterwards. */
  readonly threads: readonly number[];
  readonly group: string;
}

/** @param detached in a session of its own */
async function child(nice: number, detached: boolean, ...before: string[]): Promise<Report> {
  const [program, ...args] = [...before, process.execPath, CHILD, String(nice)];
  const run = spawn(program, args, { detached, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  run.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await once(run, 'close');
  return JSON.parse(text) as Report;
}

t.test('a lower priority, which everybody may take', async (t) => {
  const alone = await child(19, true);
  t.equal(alone.refused, undefined);
  t.same(alone.threads, [19, 19]);
  if (AUTOGROUP) t.match(alone.group, /nice 19$/);
  const guest = await child(19, false);
  t.same(guest.threads, [19, 19]);
  if (AUTOGROUP)
    t.equal(guest.group, readFileSync('/proc/self/autogroup', 'utf8').trim(), "another's session is left alone");
  const asItWas = await child(0, true);
  t.same(asItWas.threads, [getPriority(), getPriority()]);
});

t.test(
  'a higher one without the right to it is refused in words',
  { skip: !hasCapsh() && 'needs capsh' },
  async (t) => {
    const { refused, threads } = await child(-10, true, 'capsh', '--drop=cap_sys_nice', '--shell=/usr/bin/env', '--');
    t.match(refused, /EACCES|EPERM|permission/i);
    t.same(threads, [getPriority(), getPriority()]);
  },
);

function hasCapsh(): boolean {
  try {
    execFileSync('capsh', ['--print'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
