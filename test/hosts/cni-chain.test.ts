/**
 * Debian's plugins before and behind podwire in one chain: CNI 1.0.0, the most they speak. Called one by one as libcni calls them
 * (SPEC.md, section 4: each gets the result of the one before; CHECK and DEL get the last one's, DEL in reverse), and by
 * containerd, whose caller is libcni itself.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Lab as Laboratory } from '../../src/lab/lab.js';
import { Lab } from '../../src/lab/lab.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { hasProgram } from '../../src/lab/tools.js';
import { type CniOutput, type Container, cni, containers, traces } from './cni.js';
import { labSkip, needs } from './lab.js';
import { busyboxMissing, RuntimeHost } from './runtime.js';

const PLUGINS = '/usr/lib/cni';
const skip =
  labSkip() ||
  needs('nft', 'nftables') ||
  (existsSync(join(PLUGINS, 'tuning')) ? false : 'needs the package containernetworking-plugins');

type Plugin = { readonly type?: string } & Readonly<Record<string, unknown>>;

const OURS: Plugin = {};
const MAPPED = { runtimeConfig: { portMappings: [{ hostPort: 8090, containerPort: 80, protocol: 'tcp' }] } };
const PORTMAP: readonly Plugin[] = hasProgram('iptables') ? [{ type: 'portmap', ...MAPPED }] : [];
const BEHIND: readonly Plugin[] = [
  { type: 'tuning', sysctl: { 'net.ipv4.conf.eth0.log_martians': '1' }, mtu: 1400 },
  { type: 'bandwidth', ingressRate: 8_000_000, ingressBurst: 8_000_000 },
  ...PORTMAP,
];
/** They make no interface of the container's name; what they do to one they cannot do here, as there is none yet. */
const BEFORE: readonly Plugin[] = [
  { type: 'loopback' },
  { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } },
  { type: 'bandwidth' },
  ...PORTMAP,
];

/** Calls a plugin of a chain. */
function caller(lab: Laboratory, node: RunningPodwire, pod: Container) {
  return (command: string, own: Plugin, prevResult?: object) => {
    const plugin = own.type === undefined ? {} : { plugin: [join(PLUGINS, own.type)] };
    const config = { ...own, ...(prevResult && { prevResult }) };
    return cni(lab, node, command, pod, { ...plugin, env: { CNI_PATH: PLUGINS }, config });
  };
}

const CHAINS = [
  { name: 'podwire, tuning, bandwidth, portmap', chain: [OURS, ...BEHIND] },
  { name: 'loopback, tuning, bandwidth, portmap, podwire', chain: [...BEFORE, OURS] },
  { name: 'on both sides', chain: [...BEFORE, OURS, ...BEHIND] },
];

for (const { name, chain } of CHAINS) {
  t.test(`a chain: ${name}`, { skip }, async (t) => {
    const lab = await Lab.create({ name: 'cnichain', hosts: 1, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alpha] = lab.hosts;
    const node = await lab.startPodwire(alpha);
    const [pod] = await containers(lab, alpha, 'pod');
    const call = caller(lab, node, pod);
    let result: CniOutput | undefined;
    for (const own of chain) {
      const { code, stdout, json } = await call('ADD', own, result);
      t.equal(code, 0, `${JSON.stringify(own)}: ${stdout}`);
      if (own === OURS && result) {
        const { interfaces = [], ips = [] } = result;
        t.same(
          json.interfaces?.slice(0, interfaces.length),
          interfaces,
          'interfaces of those before stay, and stay first',
        );
        t.same(json.ips?.slice(0, ips.length), ips, 'and so do their addresses');
      }
      result = json;
    }
    const mine = result?.ips?.filter(({ address }) => !/^(127|::1)/.test(address)) ?? [];
    t.match(mine, [{ address: '10.244.1.2/24' }, { address: 'fd00:244:0:1::3/64' }]);
    for (const ip of mine) t.match(result?.interfaces?.[ip.interface], { name: 'eth0', sandbox: pod.netns });
    // portmap 1.1 seeks the rules of IPv4 among those of IPv6: its own CHECK fails for every pod that has both. That of
    // bandwidth 1.1 panics without rates.
    const checkable = ({ type, ingressRate }: Plugin) => type !== 'portmap' && (type !== 'bandwidth' || ingressRate);
    for (const own of chain.filter(checkable)) {
      const { code, stdout } = await call('CHECK', own, result);
      t.equal(code, 0, `${JSON.stringify(own)}: ${stdout}`);
    }
    for (const own of chain.toReversed()) {
      const { code, stdout } = await call('DEL', own, result);
      t.equal(code, 0, `${JSON.stringify(own)}: ${stdout}`);
    }
    t.notMatch(await traces(lab, alpha), /\bpw[0-9a-v]{12}/, 'nothing is left');
    t.equal((await node.stop()).code, 0);
  });
}

t.test('behind one that has made the interface already: refused, and nothing is left', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnisecond', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [pod] = await containers(lab, alpha, 'pod');
  const call = caller(lab, node, pod);
  const ipam = { type: 'host-local', dataDir: join(lab.directory, 'ipam'), ranges: [[{ subnet: '10.99.0.0/24' }]] };
  const bridge = { type: 'bridge', bridge: 'ref0', ipam };
  const first = await call('ADD', bridge);
  t.equal(first.code, 0, first.stdout);
  const before = (await traces(lab, alpha)).split('\n');
  const second = await call('ADD', OURS, first.json);
  t.match(second.json, { code: 100, msg: /File exists.*taken back/ }, second.stdout);
  t.equal((await call('DEL', OURS, first.json)).code, 0);
  const left = (await traces(lab, alpha)).split('\n').filter((line) => !before.includes(line));
  t.notMatch(left.join('\n'), /\bpw[0-9a-v]{12}/);
  const { stdout } = await lab.exec(pod, ['ip', '-br', 'address', 'show', 'dev', 'eth0']);
  t.match(stdout, /10\.99\.0\.2/, "the other's interface is as it was");
  t.equal((await call('DEL', bridge, first.json)).code, 0);
});

t.test(
  'containerd, a chain with plugins on both sides',
  {
    skip: skip || needs('ctr', 'containerd') || needs('runc', 'runc') || busyboxMissing(),
  },
  async (t) => {
    const lab = await Lab.create({ name: 'cnictr', hosts: 1, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alpha] = lab.hosts;
    const host = new RuntimeHost(lab, await lab.startPodwire(alpha));
    const { code, stderr } = await host.install();
    t.equal(code, 0, stderr);
    const folder = join(host.directory, 'cni', 'net.d');
    rmSync(join(folder, '10-podwire.conflist'));
    const ours = { type: 'podwire-cni', socket: host.node.socket };
    const list = { cniVersion: '1.0.0', name: 'chain', plugins: [...BEFORE, ours, ...BEHIND] };
    writeFileSync(join(folder, '10-chain.conflist'), JSON.stringify(list));
    const ctr = await host.containerd();
    const looks = 'ip address show; cat /proc/sys/net/core/somaxconn; cat /proc/sys/net/ipv4/conf/eth0/log_martians';
    const run = ctr(
      'run',
      '--rm',
      '--cni',
      ...host.runc(),
      '--rootfs',
      host.rootfs('pod'),
      'pod',
      '/bin/sh',
      '-c',
      looks,
    );
    const inside = await host.run(run);
    t.equal(inside.code, 0, inside.stderr);
    t.match(inside.stdout, /eth0@.* mtu 1400 .*inet 10\.244\.1\.2\/24 .*\n500\n1\n/s, inside.stdout);
    t.notMatch(await traces(lab, alpha), /\bpw[0-9a-v]{12}/, 'nothing is left');
  },
);
