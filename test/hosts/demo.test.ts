/** `npm run demo`, as root and as an ordinary user in a user namespace of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import type { DemoReport } from '../../src/cli/demo/report.js';
import { environment } from '../../src/lab/run.js';
import { packageRoot } from '../unit/package-root.js';
import { labSkip, needs } from './lab.js';

/** What a test runner has Node load stays out. */
const DEMO = ['env', '-u', 'NODE_OPTIONS', process.execPath, 'dist/src/cli/main.js', 'demo', '--json'];
const USER = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];

/** Four from each of three nodes and three pods to the pods elsewhere; two families from each pod to two others. */
const SHOWN = { ok: true, pods: 'podwire-cni', given: 6, pings: 24, answered: 24, true: 12 };

const skip = labSkip() || needs('nft', 'nftables');

t.test('the demo shows what it says', { skip }, async (t) => {
  const { code, stdout, stderr } = await run(DEMO, packageRoot());
  t.equal(code, 0, stderr + stdout);
  t.same(parse(stdout), SHOWN);
});

t.test('the demo as an ordinary user', { skip: skip || userSkip() }, async (t) => {
  // What the user sees of this package and of the TUN device is mounted for the trial only: nobody else's changes.
  const folder = mkdtempSync(join(tmpdir(), 'pw-'));
  t.teardown(() => rmdirSync(folder));
  const script = [
    `mount --bind '${packageRoot()}' '${folder}'`,
    'mount -t tmpfs -o mode=755 tmpfs /dev/net',
    'mknod -m 666 /dev/net/tun c 10 200',
    `cd '${folder}'`,
    'exec "$@"',
  ].join(' && ');
  const unshare = ['unshare', '--mount', 'sh', '-c', `chmod 755 '${folder}' && ${script}`, 'sh'];
  const { code, stdout, stderr } = await run([...unshare, ...USER, ...DEMO], '/');
  t.equal(code, 0, stderr + stdout);
  t.same(parse(stdout), SHOWN);
});

/** Why nobody can be the ordinary user; false if he can. */
function userSkip(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to become another user';
  const missing = needs('setpriv', 'util-linux') || needs('unshare', 'util-linux');
  if (missing) return missing;
  const [program, ...args] = [...USER, 'unshare', '--user', '--map-root-user', process.execPath, '--version'];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? false : `needs a kernel that lets users make namespaces: ${stderr.trim()}`;
}

/** What went wrong, if anything did, is in the report. */
function parse(
  stdout: string,
): Pick<DemoReport, 'ok' | 'pods'> & { given: number; pings: number; answered: number; true: number } {
  const { ok, pods, hosts, matrix, addresses } = JSON.parse(stdout) as DemoReport;
  return {
    ok,
    pods,
    // The first that the node gives out: those made by hand are others.
    given: hosts.flatMap(({ pod }) => pod).filter((address) => /\.2$|::3$/.test(address)).length,
    pings: matrix.length,
    answered: matrix.filter(({ rttMs }) => rttMs !== null).length,
    true: addresses.filter(({ own, seen }) => seen === own).length,
  };
}

async function run(argv: readonly string[], cwd: string) {
  const child = spawn(argv[0], argv.slice(1), { cwd, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}
