/** A node's life with the real binary: reload, a peer's removal, a crash and a restart, bad input. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { ping } from '../../src/lab/tools.js';
import { counters, kernelState, peers, podwire } from './cli.js';
import { koffiSkip, labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping');

interface FileConfig {
  peers: { node: string; underlay: string; podCidr: string[] }[];
  [key: string]: unknown;
}

function editConfig(node: RunningPodwire, edit: (config: FileConfig) => void): void {
  const config = JSON.parse(readFileSync(node.configFile, 'utf8')) as FileConfig;
  edit(config);
  writeFileSync(node.configFile, JSON.stringify(config));
}

t.test('peers come and go by reload, without a packet lost on the others', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'reload', hosts: 3 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo, charlie] = lab.hosts;
  const [node] = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const from = alpha.pods[0];
  const [toBravo] = bravo.pods[0].addresses;
  const [toCharlie4, toCharlie6] = charlie.pods[0].addresses;
  const all = JSON.parse(readFileSync(node.configFile, 'utf8')).peers as FileConfig['peers'];
  t.ok(await ping(lab, from, toBravo));

  const flood = lab.exec(from, ['ping', '-n', '-q', '-i', '0.005', '-c', '600', '-W', '1', toBravo], {
    timeoutMs: 20_000,
  });
  for (let round = 0; round < 5; round++) {
    editConfig(node, (config) => {
      config.peers = all.filter((peer) => peer.node !== 'charlie');
    });
    const gone = await podwire(lab, alpha, 'reload', '--json', '--socket', node.socket);
    t.match(JSON.parse(gone.stdout), { added: [], removed: ['charlie'], unchanged: 1 });
    editConfig(node, (config) => {
      config.peers = all;
    });
    const back = await podwire(lab, alpha, 'reload', '--json', '--socket', node.socket);
    t.match(JSON.parse(back.stdout), { added: ['charlie'], removed: [], unchanged: 1 });
    t.ok(await ping(lab, from, toCharlie4));
  }
  t.match((await flood).stdout, /600 packets transmitted, 600 received, 0% packet loss/);

  editConfig(node, (config) => {
    config.peers = all.filter((peer) => peer.node !== 'charlie');
  });
  node.process.kill('SIGHUP');
  while ((await peers(lab, node)).length !== 1);
  for (const address of [toCharlie4, toCharlie6]) {
    const { stdout, code } = await lab.exec(from, ['ping', '-n', '-c', '1', '-W', '1', address]);
    t.equal(code, 1);
    t.match(stdout, /Unreachable|unreachable|No route/, 'a removed peer is answered for, not silent');
  }
  t.ok((await counters(lab, node)).tx_no_peer >= 2);

  writeFileSync(node.configFile, '{ "node": ');
  const bad = await podwire(lab, alpha, 'reload', '--socket', node.socket);
  t.equal(bad.code, 2, bad.stdout + bad.stderr);
  t.match(bad.stderr, /^podwire: .*alpha\.json:1:\d+: .*\npodwire: nothing was changed$/m);
  t.ok(await ping(lab, from, toBravo), 'a bad file changes nothing');

  writeFileSync(node.configFile, JSON.stringify({ ...lab.nodeConfig(alpha), device: 'other0' }));
  const fixed = await podwire(lab, alpha, 'reload', '--socket', node.socket);
  t.equal(fixed.code, 2);
  t.match(fixed.stderr, /device/);
});

for (const native of ['on', 'off']) {
  const title = `after kill -9 nothing stands in the way, and nothing of others is touched, native ${native}`;
  t.test(title, { skip: skip || (native === 'off' && koffiSkip()) }, async (t) => {
    const env = { PODWIRE_NATIVE: native };
    const lab = await Lab.create({ name: `crash${native}`, hosts: 2 });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    await lab.exec(alpha, ['ip', 'route', 'add', 'unreachable', '10.99.0.0/16', 'proto', '84', 'metric', '4278198272']);
    const before = await kernelState(lab, alpha);
    const first = await lab.startPodwire(alpha, { env });
    await lab.startPodwire(bravo, { env });
    const [address] = bravo.pods[0].addresses;
    t.ok(await ping(lab, alpha.pods[0], address));
    const died = new Promise((resolve) => first.process.once('close', resolve));
    first.process.kill('SIGKILL');
    await died;
    t.not(await kernelState(lab, alpha), before, 'a crash leaves something');
    const second = await lab.startPodwire(alpha, { env });
    t.ok(await ping(lab, alpha.pods[0], address), 'the next start carries traffic at once');
    t.equal((await second.stop()).code, 0);
    t.equal(await kernelState(lab, alpha), before, 'and takes everything away in the end, but not what others made');
  });
}

t.test('down ends a node as SIGTERM does; a second node in its place is refused', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'down', hosts: 1 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const before = await kernelState(lab, alpha);
  const node = await lab.startPodwire(alpha);
  const running = await kernelState(lab, alpha);
  const again = await podwire(lab, alpha, 'up', '--config', node.configFile);
  t.equal(again.code, 2, again.stderr);
  t.match(again.stderr, /runs already|already|taken/);
  t.equal(await kernelState(lab, alpha), running, 'the refused one changed nothing');
  const own = ['--device', 'podwire9', '--socket', `${node.socket}.9`, '--vxlan-port', '8473'];
  const beside = await podwire(lab, alpha, 'up', '--config', node.configFile, ...own);
  t.match(beside, { code: 2, stderr: /^podwire: a podwire runs already and keeps its state in [^\n]*\n$/ });
  t.equal(
    await kernelState(lab, alpha),
    running,
    'nor did one with a device and a socket of its own, but the same state',
  );
  const ended = new Promise<number | null>((resolve) => node.process.once('close', resolve));
  const down = await podwire(lab, alpha, 'down', '--socket', node.socket);
  t.equal(down.code, 0, down.stderr);
  t.equal(await ended, 0, node.log());
  t.equal(await kernelState(lab, alpha), before);
  const none = await podwire(lab, alpha, 'status', '--socket', node.socket);
  t.equal(none.code, 3);
  t.match(none.stderr, /^podwire: .*up/);
});

t.test('bad configurations and machines: clear lines, exit code 2, nothing changed', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'bad', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const before = await kernelState(lab, alpha);
  const good = lab.nodeConfig(alpha);
  const file = join(lab.directory, 'bad.json');
  const cases: [string, object, RegExp][] = [
    ['an unknown key', { vxlan: { vin: 1 } }, /vin.*vni/],
    ['a bad address', { underlay: '10.101.1.256' }, /underlay.*10\.101\.1\.256/],
    ['host bits in a prefix', { podCidr: '10.244.1.5/24' }, /podCidr.*10\.244\.1\.0\/24/],
    ['overlapping subnets', { podCidr: '10.244.2.0/24' }, /overlap/],
    ['a subnet outside the cluster', { podCidr: '10.245.1.0/24' }, /10\.245\.1\.0\/24.*clusterCidr|clusterCidr/],
    ["an address that is not this machine's", { underlay: '10.101.1.77' }, /10\.101\.1\.77/],
    ["a device's name that is too long", { device: 'a-device-with-a-long-name' }, /device/],
    ['a device that exists', { device: 'eth0' }, /eth0/],
  ];
  for (const [title, change, line] of cases) {
    writeFileSync(file, JSON.stringify({ ...good, ...change }));
    const { code, stderr, stdout } = await podwire(lab, alpha, 'up', '--config', file);
    t.equal(code, 2, `${title}: ${stderr}${stdout}`);
    t.match(stderr, line, title);
    t.notMatch(stderr, /\n\s+at /, 'no stack trace');
    t.ok(stderr.trim().split('\n').length <= 2, stderr);
  }
  const socket = lab.spawn(alpha, [
    process.execPath,
    '-e',
    "require('dgram').createSocket('udp4').bind(8472, '10.101.1.2', () => console.log('bound'))",
  ]);
  await new Promise((resolve) => socket.stdout?.once('data', resolve));
  writeFileSync(file, JSON.stringify(good));
  const taken = await podwire(lab, alpha, 'up', '--config', file);
  t.equal(taken.code, 2, taken.stderr);
  t.match(taken.stderr, /8472/);
  t.equal(await kernelState(lab, alpha), before);
  const check = await podwire(lab, alpha, 'check', '--config', file, '--json');
  t.equal(check.code, 2);
  t.match(JSON.parse(check.stdout), { fit: false });
  t.match(check.stdout, /8472 is taken/);
});
