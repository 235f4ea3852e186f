import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiServer } from '../../../src/api/server.js';
import { COMMANDS } from '../../../src/cli/program.js';
import { BUILT_IN } from '../../../src/sim/index.js';
import { PodwireError } from '../../../src/wire/error.js';
import { FakeNode, PEERS, STATUS } from '../api/fake-node.js';
import { temporaryFolder } from '../temporary-folder.js';
import { cli, spawnCli } from './run-cli.js';

t.jobs = 2;

async function serve(t: Test): Promise<{ node: FakeNode; socket: string; server: ApiServer }> {
  const socket = join(temporaryFolder(t), 'api.sock');
  const node = new FakeNode();
  const server = new ApiServer(node, socket);
  await server.listen();
  t.teardown(() => server.close());
  return { node, socket, server };
}

for (const { name, summary } of COMMANDS) {
  t.test(`podwire ${name} --help`, async (t) => {
    const { code, stdout, stderr } = await cli([name, '--help']);
    t.equal(code, 0);
    t.equal(stderr, '');
    t.match(stdout, `Usage: podwire ${name} [options]`);
    t.match(stdout, summary.slice(1));
    t.match(stdout, '\nExamples:\n  # ');
    t.match(stdout, '--config <FILE>');
    t.match(stdout, '\nExit codes:\n  0  done\n');
  });
}

t.test('podwire --help names every command', async (t) => {
  const { code, stdout } = await cli(['--help']);
  t.equal(code, 0);
  for (const { name, summary } of COMMANDS) t.match(stdout, new RegExp(`^  ${name} +${summary}$`, 'm'));
  t.match(stdout, '\nExamples:\n');
});

const REFUSED: readonly [args: readonly string[], stderr: string][] = [
  [['statsu'], "podwire: unknown command 'statsu' (Did you mean status?)\n"],
  [['help', 'nosuch'], "podwire: unknown command 'nosuch'\n"],
  [['help', 'statsu'], "podwire: unknown command 'statsu' (Did you mean status?)\n"],
  [['status', '--jsn'], "podwire: unknown option '--jsn' (Did you mean --json?)\n"],
  [['status', 'more'], "podwire: too many arguments for 'status'. Expected 0 arguments but got 1.\n"],
  [['status', '--socket'], "podwire: option '--socket <PATH>' argument missing\n"],
  [
    ['counters', '--interval', 'soon'],
    "podwire: option '--interval <SECONDS>' argument 'soon' is invalid. Write a number of seconds from 0.1 to 3600.\n",
  ],
  [
    ['up', '--underlay', 'x', '--pod-cidr', '10.244.1.0/24', '--workers', 'many'],
    `podwire: underlay: "x" is not an IPv4 or IPv6 address
podwire: clusterCidr: is missing: set it in the file or with --cluster-cidr
podwire: workers: must be a whole number from 1 to 64, not "many"
`,
  ],
  [
    ['conformance', 'cluster', '--port', '65535'],
    "podwire: option '--port <NUMBER>' argument '65535' is invalid. Write a whole number from 1 to 65534.\n",
  ],
  [['check', '--config', '/nowhere/x.yaml'], 'podwire: /nowhere/x.yaml: there is no such file\n'],
  [['--config', '/nowhere/x.yaml', 'status'], 'podwire: /nowhere/x.yaml: there is no such file\n'],
  [
    ['up', '--peer', 'b'],
    'podwire: --peer b: write it as NAME=UNDERLAY[,UNDERLAY6]=PODCIDR[,PODCIDR6][=MAC], such as bravo=192.0.2.2=10.244.2.0/24\n',
  ],
];

for (const [args, stderr] of REFUSED) {
  t.test(`podwire ${args.join(' ')}`, async (t) => t.strictSame(await cli(args), { code: 2, stdout: '', stderr }));
}

t.test('podwire help COMMAND', async (t) => {
  t.strictSame(await cli(['help', 'status']), await cli(['status', '--help']));
});

t.test('podwire sim --list', async (t) => {
  t.match((await cli(['sim', '--list'])).stdout, /^kill {4}\[\{"at":10,"kill":1\}\]$/m);
  t.strictSame(JSON.parse((await cli(['sim', '--list', '--json'])).stdout), BUILT_IN);
});

t.test('no command at all', async (t) => {
  const { code, stdout, stderr } = await cli([]);
  t.equal(code, 2);
  t.equal(stdout, '');
  t.match(stderr, 'Usage: podwire ');
});

t.test('with PODWIRE_DEBUG=1 it is told where an error came from', async (t) => {
  t.match((await cli(['up'], { PODWIRE_DEBUG: '1' })).stderr, /\n {4}at loadConfig /);
});

t.test('no agent', async (t) => {
  const socket = join(temporaryFolder(t), 'none.sock');
  const commands = [
    'status',
    'members',
    'peers',
    'routes',
    'counters',
    'ipam',
    'key list',
    'events',
    'reload',
    'restart',
    'leave',
    'down',
  ];
  for (const name of commands) {
    const { code, stdout, stderr } = await cli([...name.split(' '), '--socket', socket]);
    t.equal(code, 3, name);
    t.equal(stdout, '');
    t.match(stderr, `podwire: no podwire answers on ${socket}: is podwire up running?`);
  }
});

t.test('version', async (t) => {
  t.match((await cli(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  t.match((await cli(['version'])).stdout, /^podwire {2}\d+\.\d+\.\d+\naddon /);
  t.match(JSON.parse((await cli(['version', '--json'])).stdout), { podwire: /^\d/, node: process.versions.node });
});

t.test('the socket: by flag, by file, the flag first', async (t) => {
  const { socket } = await serve(t);
  const file = join(dirname(socket), 'node.yaml');
  writeFileSync(file, `socket: ${socket}\nwhatever: else\n`);
  t.equal((await cli(['peers', '--config', file])).code, 0);
  t.equal((await cli(['-c', file, 'peers'])).code, 0);
  t.equal((await cli(['peers', '--socket', socket, '-c', '/nowhere'])).code, 0);
  writeFileSync(file, 'socket: 7\n');
  t.match(await cli(['peers', '-c', file]), {
    code: 2,
    stderr: `podwire: ${file}: socket must be the path of a Unix socket\n`,
  });
});

t.test('what the commands print', async (t) => {
  const { socket, node } = await serve(t);
  const run = async (...args: string[]) => (await cli([...args, '--socket', socket])).stdout;

  t.equal(
    await run('status'),
    `alpha  podwire 0.1.0, pid 42, up 3h 12m, 64.0 MiB of memory

underlay  192.0.2.1
gossip    none, peers are configured
pods      10.244.1.0/24, fd00:244:0:1::/64
cluster   10.244.0.0/16, fd00:244::/48
device    podwire0, mtu 1450, mac 02:00:5e:10:00:01
mode      vxlan, vni 1, port 8472
workers   1
bytes by  the C addon
offloads  checksum on, tso off (configured), uso not offered, udpSegment off (this kernel breaks it: frames are lost), udpGro untested (a firewall)
security  plain VXLAN: trust the network

PEER     UNDERLAY   PODS                              MTU  KNOWN BY         SENT     FRAMES  RECEIVED  FRAMES  DATA PATH
bravo    192.0.2.2  10.244.2.0/24 fd00:244:0:2::/64  1450  probed, 1.2s  1.5 GiB  1,234,567    1008 B      12  -
charlie  192.0.2.3  10.244.3.0/24                    1400  icmp, 1m 15s      0 B          0       0 B       0  -
`,
  );
  t.match(await run('peers'), /^PEER .*\nbravo .*\ncharlie /);
  t.equal(
    await run('routes'),
    `PREFIX         OWNER              KIND  VIA
10.244.1.0/24  alpha (this node)  pod   192.0.2.1
`,
  );
  t.match(await run('counters'), /^COUNTER +COUNT {2}MEANING\ntx_frames +1 {2}VXLAN frames sent\n/);
  t.match(await run('counters', '--all'), /\ntx_packets +0 {2}packets read/);
  t.equal(await run('reload'), 'reloaded: added bravo; 1 peer unchanged\n');
  t.equal(await run('down'), 'podwire is down: what it made is removed\n');
  t.strictSame(node.asked, ['status', 'reload', 'down']);
});

t.test('and for programs', async (t) => {
  const { socket, node } = await serve(t);
  const run = async (name: string) => JSON.parse((await cli([name, '--json', '--socket', socket])).stdout);
  t.strictSame(await run('status'), STATUS);
  t.strictSame(await run('peers'), PEERS);
  t.strictSame(await run('routes'), node.routes());
  t.strictSame(await run('members'), node.members());
  t.strictSame(await run('ipam'), node.ipam());
  t.strictSame(await run('leave'), { left: true });
  t.strictSame(await run('counters'), node.counters());
  t.strictSame(await run('reload'), { added: ['bravo'], removed: [], changed: [], unchanged: 1 });
  t.strictSame(await run('down'), { down: true });
});

t.test('by the example of key --help all nodes get one key', async (t) => {
  const { stdout } = await cli(['key', '--help']);
  t.match(stdout, '  (umask 077; podwire key new > new.key)\n');
  t.match(stdout, /^ {2}for node in .*; do ssh \$node podwire key add - < new\.key; done$/m);
  t.notMatch(stdout, 'key new |');
});

t.test('keys', async (t) => {
  const { socket, node } = await serve(t);
  const fresh = await cli(['key', 'new']);
  t.match(fresh, { code: 0, stderr: '' });
  t.match(fresh.stdout, /^[A-Za-z0-9+/]{43}=\n$/, 'a line, and nothing else');
  t.not((await cli(['key', 'new'])).stdout, fresh.stdout);
  t.match((await cli(['key', 'use', '77b0d1e4', '--socket', socket])).stdout, /^KEY .*\n3f2a90c1 /);
  t.strictSame(JSON.parse((await cli(['key', 'list', '--json', '--socket', socket])).stdout), node.keys());
  t.strictSame(await cli(['key', 'remove', '77b0d1e4', '--socket', socket]), {
    code: 1,
    stdout: '',
    stderr: 'podwire: bravo still seals with key 77b0d1e4; nothing was changed\n',
  });
  const child = spawnCli(['key', 'add', '-', '--socket', socket]);
  child.stdin?.end(fresh.stdout);
  t.equal((await once(child, 'close'))[0], 0);
  t.strictSame(node.asked, ['use 77b0d1e4', `add ${fresh.stdout.trim()}`]);
});

t.test('members --watch and events --follow go on until Ctrl-C', async (t) => {
  const { socket } = await serve(t);
  for (const args of [
    ['members', '--watch'],
    ['events', '--follow'],
  ]) {
    const child = spawnCli([...args, '--socket', socket]);
    let shown = '';
    child.stdout?.on('data', (chunk) => {
      shown += chunk;
      if (/charlie/.test(shown)) child.kill('SIGINT');
    });
    t.strictSame((await once(child, 'close'))[0], 0, args.join(' '));
    t.match(shown, /charlie/);
  }
});

t.test('what a running node refuses is told, line by line', async (t) => {
  const { socket, node } = await serve(t);
  node.onReload = async () => {
    throw new PodwireError('CONFIG', 'mtu: is wrong\nnothing was changed');
  };
  t.strictSame(await cli(['reload', '--socket', socket]), {
    code: 2,
    stdout: '',
    stderr: 'podwire: mtu: is wrong\npodwire: nothing was changed\n',
  });
});

t.test('counters --watch goes on until Ctrl-C', async (t) => {
  const { socket } = await serve(t);
  const child = spawnCli(['counters', '--watch', '--interval', '0.1', '--socket', socket]);
  let shown = '';
  const exit = once(child, 'close');
  child.stdout?.on('data', (chunk) => {
    shown += chunk;
    if (shown.includes('0 bit/s')) child.kill('SIGINT');
  });
  t.strictSame((await exit)[0], 0);
  t.match(shown, /^COUNTER +COUNT +RATE {2}MEANING\n/);
});

t.test('counters --watch ends when the node does', async (t) => {
  const { socket, server } = await serve(t);
  const child = spawnCli(['counters', '--watch', '--json', '--interval', '0.1', '--socket', socket]);
  const exit = once(child, 'close');
  child.stdout?.once('data', (line) => {
    t.match(JSON.parse(String(line)), { tx_frames: 1 });
    server.close();
  });
  t.strictSame((await exit)[0], 3);
});

t.test('a reader that stops reading is no failure', async (t) => {
  const { socket, node } = await serve(t);
  node.statusNow = () => ({ ...STATUS, peers: Array.from({ length: 5000 }, () => PEERS[0]) });
  const child = spawnCli(['peers', '--socket', socket]);
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout?.destroy();
  const [code] = await once(child, 'close');
  t.equal(code, 0);
  t.equal(stderr, '');
});
