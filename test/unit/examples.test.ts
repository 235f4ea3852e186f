import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadConfig } from '../../src/control/config/load.js';
import type { NodeConfig } from '../../src/control/config/node-config.js';
import { hasProgram } from '../../src/lab/tools.js';

const examples = join(packageRoot(), 'examples');

t.test('two-nodes: each file is right, and each tells of the other what the other tells of itself', async (t) => {
  const [alpha, bravo] = ['alpha', 'bravo'].map((node) =>
    loadConfig({ file: join(examples, `two-nodes/${node}.yaml`) }),
  );
  const self = ({ node, underlay, podCidr }: NodeConfig) => ({ node, underlay, podCidr });
  t.match(alpha.peers, [self(bravo)]);
  t.match(bravo.peers, [self(alpha)]);
  t.strictSame(alpha.clusterCidr, bravo.clusterCidr);
  t.strictSame(alpha.vxlan, bravo.vxlan);
});

t.test('two-nodes: every address in its README is one of these nodes or pods', async (t) => {
  const readme = readFileSync(join(examples, 'two-nodes/README.md'), 'utf8');
  const overlay = readme.match(/\b(10\.244\.[\d.]+\d|fd00:244:[0-9a-f:]+)/g) ?? [];
  t.ok(overlay.length > 10);
  for (const address of overlay) t.match(address, /^(10\.244\.[12]\.(0|1|10)|fd00:244:0:[12]::2)$/);
});

t.test('pods: the conflist is the one that is installed', async (t) => {
  const folder = t.testdir();
  const cli = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const argv = [cli, 'cni', 'install', '--bin-dir', join(folder, 'bin'), '--conf-dir', folder];
  t.equal(spawnSync(process.execPath, argv).status, 0);
  const [installed, example] = [join(folder, '10-podwire.conflist'), join(examples, 'pods/10-podwire.conflist')];
  t.strictSame(JSON.parse(readFileSync(example, 'utf8')), JSON.parse(readFileSync(installed, 'utf8')));
});

t.test('systemd: the unit says what a node needs', async (t) => {
  const unit = parseUnit(readFileSync(join(examples, 'systemd/podwire.service'), 'utf8'));
  t.match(unit.get('Service'), {
    Type: 'notify',
    ExecStart: /^\/\S+\/podwire up --config \/\S+$/,
    ExecReload: /^\/\S+\/podwire reload --config \/\S+$/,
    Restart: 'on-failure',
    CapabilityBoundingSet: 'CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_NICE CAP_SYS_ADMIN CAP_SYS_PTRACE',
    DeviceAllow: '/dev/net/tun rw',
    KillMode: 'process',
    SystemCallFilter: /@system-service pidfd_getfd/,
    RuntimeDirectory: 'podwire',
    StateDirectory: 'podwire',
  });
  t.notMatch(unit.get('Service'), { ProtectKernelTunables: 'yes' }, 'sysctls of its own device stay writable');
  t.match(unit.get('Install'), { WantedBy: 'multi-user.target' });
});

const skip = hasProgram('systemd-analyze') ? false : 'needs the program systemd-analyze (package systemd)';

t.test('systemd: systemd knows every key of the unit', { skip }, async (t) => {
  const text = readFileSync(join(examples, 'systemd/podwire.service'), 'utf8');
  const file = join(t.testdir(), 'podwire.service');
  // It also asks whether the programs are there: they are not on a machine that only builds.
  writeFileSync(file, text.replaceAll('/usr/local/bin/podwire', process.execPath));
  const { status, stderr } = spawnSync('systemd-analyze', ['--man=no', 'verify', file], { encoding: 'utf8' });
  t.equal(status, 0);
  const about = stderr.split('\n').filter((line) => line.includes('podwire.service'));
  t.strictSame(about, []);
});

for (const [name, last] of [
  ['main', /^the network lost 4 of them\nbravo delivered 46, sequence numbers 0 to 49\nalpha answered 1 packet/m],
  ['dgram', /^bravo delivered 50 over UDP, sequence numbers 0 to 49\n$/],
] as const) {
  t.test(`embedded/${name}: runs, ends by itself, and prints what is so`, async (t) => {
    const file = join(packageRoot(), `dist/examples/embedded/${name}.js`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 30_000 });
    t.equal(status, 0, stderr);
    t.match(stdout, last);
  });
}

/** Sections, and in each its keys with their last values. A line that is neither is a mistake. */
function parseUnit(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let keys: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const section = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, key, value] = /^(\w+)=(.+)$/.exec(line) ?? [];
    if (section !== undefined) {
      keys = {};
      sections.set(section, keys);
    } else if (key !== undefined) keys[key] = value;
    else throw new Error(`neither section nor key: ${line}`);
  }
  return sections;
}

function packageRoot(): string {
  let directory = fileURLToPath(new URL('.', import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = join(directory, '..');
  return directory;
}
