/** `podwire bench local`: it measures both, and takes everything away, also if it is broken off. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { LocalReport } from '../../src/bench/local.js';
import { listNamespaces } from '../../src/lab/namespaces.js';
import { spawnCli } from '../unit/cli/run-cli.js';
import { labSkip, needs } from './lab.js';

const QUICK = 'bench local --rounds 1 --seconds 0.5 --streams 1 --pings 50'.split(' ');
/** What a test runner has Node load must not follow into the hosts. */
const CLEAN = { NODE_OPTIONS: '' };
const skip = labSkip();

/** What a lab of this process has left: namespaces and files carry its number. */
function leftovers(pid: number | undefined): string[] {
  return [...listNamespaces(), ...readdirSync(tmpdir())].filter((name) => name.startsWith(`podwire-bench-${pid}`));
}

t.test('podwire beside the kernel', { skip: skip || needs('bridge', 'iproute2') }, async (t) => {
  const child = spawnCli([...QUICK, '--json'], CLEAN);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all(
    [child.stdout, child.stderr].map((stream) => (stream ? text(stream) : '')),
  );
  t.equal(await ended, 0, stderr);
  const report = JSON.parse(stdout) as LocalReport & { skipped: readonly string[] };
  const expected = ['tcp', 'tcp', 'udp', 'rtt', 'rtt'];
  t.same(
    report.loopback.map(({ test }) => test),
    expected,
  );
  t.same(
    report.laboratories.map(({ laboratory }) => laboratory),
    ['virtual'],
  );
  const [{ rounds }] = report.laboratories;
  const contenders = report.skipped.some((words) => words.startsWith('kernel vxlan'))
    ? ['podwire']
    : ['podwire', 'kernel vxlan'];
  t.same(Object.keys(rounds), contenders);
  for (const [name, [results, ...more]] of Object.entries(rounds)) {
    t.same(more, []);
    t.same(
      results.map(({ test }) => test),
      expected,
    );
    for (const result of results) {
      if (result.test === 'tcp') t.ok(result.bitsPerSecond > 1e6 && result.cpuSecondsPerGb > 0, `${name}: ${result}`);
      if (result.test === 'udp') t.ok(result.received > 0 && result.received <= result.sent, `${name}: ${result}`);
      if (result.test === 'rtt') t.ok(result.minUs > 0 && result.lost < result.sent, `${name}: ${result}`);
    }
  }
  t.same(leftovers(child.pid), []);
});

t.test('broken off, for people', { skip }, async (t) => {
  const child = spawnCli(['bench', 'local', '--seconds', '5'], CLEAN);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const said = child.stdout ? text(child.stdout) : '';
  for (let tries = 0; tries < 500 && leftovers(child.pid).length === 0; tries++) await delay(20);
  t.not(leftovers(child.pid).length, 0, 'a lab is there');
  await delay(1500);
  child.kill('SIGTERM');
  t.equal(await ended, 143);
  t.match(await said, /^\d+ cores, /);
  t.same(leftovers(child.pid), []);
});

t.test('what nobody can measure', async (t) => {
  for (const words of [
    ['--seconds', '0'],
    ['--tests', 'tcp,x'],
    ['--laboratory', 'x'],
    ['--pings', '1'],
    ['--sizes', ''],
  ]) {
    const child = spawnCli(['bench', 'local', ...words]);
    const stderr = child.stderr ? await text(child.stderr) : '';
    t.match(stderr, /^podwire: [^\n]+\n$/, words.join(' '));
  }
});
