/** Real runtimes start containers on two hosts, and these talk: containerd with runc, podman with its CNI back end. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { packageRoot } from '../unit/package-root.js';
import { podwire } from './cli.js';
import { labSkip, needs } from './lab.js';
import { busyboxMissing, RuntimeHost } from './runtime.js';

const skip = labSkip() || needs('nft', 'nftables') || needs('runc', 'runc') || busyboxMissing();

async function hosts(lab: Lab, ...how: string[]): Promise<RuntimeHost[]> {
  const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const made = nodes.map((node) => new RuntimeHost(lab, node));
  for (const host of made) {
    const { code, stderr } = await host.install(...how);
    if (code !== 0) throw new Error(stderr);
  }
  return made;
}

async function pods(lab: Lab, { node }: RuntimeHost) {
  const { stdout } = await podwire(lab, node.host, 'pods', '--json', '--socket', node.socket);
  return JSON.parse(stdout) as { addresses: string[]; pod?: string; containerId: string }[];
}

/** Asks a container's web server, from inside another, which address it sees. */
const asking = (address: string) => {
  const host = address.includes(':') ? `[${address}]` : address;
  return ['/bin/sh', '-c', `wget -O - http://${host}:8080/cgi-bin/who 2>&1; echo $?`];
};
const SERVER = ['/bin/httpd', '-f', '-p', '[::]:8080', '-h', '/www'];
/** It writes `[::ffff:10.0.0.1]`, among what wget says. */
const addressIn = (stdout: string) => /^\[(?:::ffff:)?([^\]]+)\]$/m.exec(stdout)?.[1] ?? stdout;

t.test('containerd: ctr run --cni', { skip: skip || needs('ctr', 'containerd'), timeout: 180_000 }, async (t) => {
  const lab = await Lab.create({ name: 'ctr', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const both = await hosts(lab);
  const ctr = await Promise.all(both.map((host) => host.containerd()));
  const [alpha, bravo] = both;
  const started = await alpha.run(
    ctr[0]('run', '-d', '--cni', ...alpha.runc(), '--rootfs', alpha.rootfs('server'), 'server', ...SERVER),
  );
  t.equal(started.code, 0, started.stderr);
  const [server] = await pods(lab, alpha);
  t.match(server, { containerId: 'default-server', addresses: { length: 2 } });
  for (const [i, host] of both.entries()) {
    for (const [n, address] of server.addresses.entries()) {
      const name = `client${n}`;
      const asked = await host.run(
        ctr[i]('run', '--rm', '--cni', ...host.runc(), '--rootfs', host.rootfs(name), name, ...asking(address)),
      );
      t.match(
        addressIn(asked.stdout),
        n === 0 ? new RegExp(`^10\\.244\\.${i + 1}\\.\\d+$`) : /^fd00:244:0:\d::\w+$/,
        asked.stderr,
      );
    }
  }
  t.same(await pods(lab, bravo), [], 'what ran in the foreground was taken off, with an empty CNI_NETNS');
  t.equal((await alpha.run(ctr[0]('task', 'kill', '-s', 'KILL', 'server'))).code, 0);
  await delay(500);
  await alpha.run(ctr[0]('task', 'rm', 'server'));
  const { node } = alpha;
  const audit = await podwire(lab, node.host, 'ipam', 'check', '--repair', '--socket', node.socket);
  t.match(audit.stdout, /mended .*default-server/, 'a detached one never is: the audit finds it');
  t.same(await pods(lab, alpha), []);
});

t.test('podman: podman run', { skip: skip || needs('podman', 'podman'), timeout: 180_000 }, async (t) => {
  const lab = await Lab.create({ name: 'podman', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const both = await hosts(lab, '--attach', 'ptp');
  const podman = (host: RuntimeHost, ...argv: string[]) => {
    const at = (name: string) => join(host.directory, name);
    mkdirSync(at('tmp'), { recursive: true });
    writeFileSync(
      at('containers.conf'),
      `[containers]
default_ulimits = ["nofile=1024:4096", "nproc=1024:1024"]
log_driver = "k8s-file"
[network]
network_backend = "cni"
cni_plugin_dirs = ["${at('cni/bin')}", "/usr/lib/cni"]
network_config_dir = "${at('cni/net.d')}"
default_network = "podwire"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "${at('tmp')}"
`,
    );
    const roots = ['--root', at('storage'), '--runroot', at('run'), '--storage-driver', 'vfs'];
    return host.runPlain(['env', `CONTAINERS_CONF=${at('containers.conf')}`, 'podman', ...roots, ...argv]);
  };
  const [alpha, bravo] = both;
  const wanted = ['--ip', '10.244.1.99', '--mac-address', '02:00:00:00:00:99'];
  const started = await podman(
    alpha,
    'run',
    '-d',
    '--name',
    'server',
    ...wanted,
    '--rootfs',
    alpha.rootfs('server'),
    ...SERVER,
  );
  t.equal(started.code, 0, started.stderr);
  const [server] = await pods(lab, alpha);
  t.equal(server?.addresses[0], '10.244.1.99', 'the address that was asked for');
  for (const host of both) {
    for (const address of server?.addresses ?? []) {
      const asked = await podman(
        host,
        'run',
        '--rm',
        '--rootfs',
        host.rootfs(`c${address.length}`),
        ...asking(address),
      );
      t.match(
        addressIn(asked.stdout),
        address.includes(':') ? /^fd00:244:0:\d::\w+$/ : /^10\.244\.\d\.\d+$/,
        asked.stderr,
      );
    }
  }
  const example = join(packageRoot(), 'examples', 'pods', 'containers.conf');
  const roots = ['--root', join(alpha.directory, 'storage'), '--runroot', join(alpha.directory, 'run')];
  const known = await alpha.run([
    'env',
    `CONTAINERS_CONF=${example}`,
    'podman',
    ...roots,
    'network',
    'inspect',
    'podwire',
  ]);
  t.match(
    JSON.parse(known.stdout || '[]'),
    [{ name: 'podwire', driver: 'podwire-cni' }],
    `the example's file: ${known.stderr}`,
  );
  const removed = await podman(alpha, 'rm', '-f', '-t', '0', 'server');
  t.equal(removed.code, 0, removed.stderr);
  t.same([await pods(lab, alpha), await pods(lab, bravo)], [[], []], 'nothing is left');
});
