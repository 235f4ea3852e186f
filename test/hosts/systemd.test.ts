/** The unit of examples/systemd, run by a real systemd, as its README says; and a node that is restarted as a service. */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { ask, startDatagramEcho, startEcho, startSteady } from '../../src/lab/tools.js';
import { isAlive, processId } from '../../src/os/processes.js';
import { readIfThere } from '../../src/os/state-dir.js';
import { kernelState, podwire } from './cli.js';
import { attach, cni, containers } from './cni.js';
import { until } from './gossiping.js';
import { labSkip, needs } from './lab.js';
import { DURATION, MOST_LOST, PER_SECOND } from './restarting.js';
import { SystemdMachine, systemdSkip } from './systemd.js';

const skip = labSkip() || needs('nft', 'nftables');
const CONFIG = '/etc/podwire/node.yaml';

t.test('the unit', { skip: skip || systemdSkip() }, async (t) => {
  const lab = await Lab.create({ name: 'unit', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const machine = await SystemdMachine.boot(lab, alpha);
  t.teardown(() => machine.halt());
  t.comment((await machine.run('systemctl', '--version')).stdout.split('\n')[0]);
  const systemctl = (...words: string[]) => machine.run('systemctl', ...words);
  const property = (name: string) => machine.property('podwire', name);
  const mainPid = async () => Number(await property('MainPID'));
  const before = await kernelState(lab, alpha);

  // Socket and state are where the unit has them.
  const { socket: _, stateDir: __, ...config } = lab.nodeConfig(alpha);
  const configure = (changes: Record<string, unknown> = {}) =>
    writeFileSync(machine.file(CONFIG), JSON.stringify({ ...config, ...changes }));
  const unit = '/opt/podwire/examples/systemd/podwire.service';
  await machine.run('mkdir', '-m', '0700', '/etc/podwire');
  configure();
  await machine.run('install', '-D', '-m', '0644', unit, '/etc/systemd/system/podwire.service');
  const other = await lab.startPodwire(bravo);

  await t.test('starts and is ready when start returns', async (t) => {
    await systemctl('daemon-reload');
    t.match(await systemctl('enable', '--now', 'podwire'), { code: 0 });
    t.equal(await property('SubState'), 'running');
    const said = await machine.journal('podwire');
    t.match(said, /^ready node=alpha /m);
    t.notMatch(said, /has not all of the priority|ICMP is heard through/, 'with every right that it makes use of');
    const status = await machine.run('cat', `/proc/${await mainPid()}/status`);
    t.match(status.stdout, /^CapEff:\t0000000000281000$/m, 'which it drops then');
    t.match((await systemctl('status', 'podwire')).stdout, /Active: active \(running\)/);
  });

  const node = { socket: machine.file('/run/podwire/podwire.sock') };
  const spaces = await containers(lab, alpha, 'bridge', 'ptp', 'lan');
  const added = [
    await attach(lab, node, spaces[0]),
    await attach(lab, node, spaces[1], { config: { attach: 'ptp', masquerade: true } }),
    await attach(lab, node, spaces[2], {
      config: { attach: 'macvlan', range: '10.101.1.128/25', gateway: '10.101.1.1' },
    }),
  ];
  const [far] = await containers(lab, bravo, 'far');
  const { addresses: there } = await attach(lab, other, far);
  await Promise.all([startEcho(lab, far), startDatagramEcho(lab, far)]);
  const talks = async () => (await ask(lab, spaces[0], there)).map(({ seen }) => seen);
  t.same(await talks(), added[0].addresses, 'pods of every attachment are attached, and reach others');

  /** What a steady flow between pods loses meanwhile. */
  const during = async (what: string, act: () => Promise<unknown>) => {
    const from = { ...spaces[0], name: 'from', port: '', addresses: ['', ''] as const };
    const flow = await startSteady(lab, from, there[0], PER_SECOND, DURATION);
    await delay(DURATION / 5);
    const began = performance.now();
    await act();
    const took = performance.now() - began;
    const { sent, lost, longestGapMs } = await flow.report;
    t.comment(`${what}: ${took.toFixed(0)} ms; ${lost} of ${sent} lost, none for ${longestGapMs.toFixed(0)} ms`);
    t.ok(lost <= MOST_LOST, `${what}: ${lost} of ${sent} lost`);
    t.equal(await property('SubState'), 'running');
  };

  await t.test('pods go on when it is restarted, killed, taken over', async (t) => {
    await during('systemctl restart', async () => t.match(await systemctl('restart', 'podwire'), { code: 0 }));
    let pid = await mainPid();
    await during('kill -9', async () => {
      await systemctl('kill', '--signal=KILL', '--kill-whom=main', 'podwire');
      await until('it is started again', async () => (await property('SubState')) === 'running');
    });
    t.equal(await property('NRestarts'), '1');
    t.not(await mainPid(), pid);
    pid = await mainPid();
    await during('podwire restart', async () => t.match(await machine.run('podwire', 'restart'), { code: 0 }));
    const successor = await mainPid();
    t.not(successor, pid);
    const parent = await machine.run('ps', '-o', 'ppid=', '-p', String(successor));
    t.equal(parent.stdout.trim(), '1', 'systemd sees it end');
    t.match(await machine.run('podwire', 'up', '--config', CONFIG, '--takeover'), {
      code: 1,
      stderr: /is a service, and its manager would not watch process .*nothing was changed, run 'podwire restart'/,
    });
    t.equal(await mainPid(), successor, 'which goes on');
    await during('kill -9', async () => {
      await systemctl('kill', '--signal=KILL', '--kill-whom=main', 'podwire');
      await until('the successor is watched too', async () => (await property('NRestarts')) === '2');
      await until('it is started again', async () => (await property('SubState')) === 'running');
    });
    t.same(await talks(), added[0].addresses);
  });

  await t.test('a configuration that is wrong', async (t) => {
    const pid = await mainPid();
    configure({ mtu: 12 });
    t.match(await systemctl('reload', 'podwire'), { code: 1 });
    t.match(await machine.journal('podwire'), /mtu: must be .*, not 12\npodwire: nothing was changed/);
    const restarted = await machine.run('podwire', 'restart');
    t.match(restarted, { code: 1, stderr: /the podwire that ran goes on/ });
    t.equal(await mainPid(), pid);
    t.match(await systemctl('restart', 'podwire'), { code: 1 });
    await delay(1_500);
    t.equal(await property('SubState'), 'failed', 'is not tried again');
    t.equal(await property('NRestarts'), '0');
    t.match(
      await machine.journal('podwire'),
      /^podwire: mtu: must be .*, not 12\npodwire.service: Main process exited/m,
    );
    configure();
    t.match(await systemctl('start', 'podwire'), { code: 0 });
    t.match(await systemctl('reload', 'podwire'), { code: 0 });
    t.same(await talks(), added[0].addresses);
  });

  await t.test('stop leaves nothing when there are no pods', async (t) => {
    for (const space of spaces) t.equal((await cni(lab, node, 'DEL', space)).code, 0);
    t.match(await systemctl('stop', 'podwire'), { code: 0 });
    t.equal(await property('Result'), 'success');
    t.equal((await machine.run('cat', '/sys/fs/cgroup/system.slice/podwire.service/cgroup.procs')).stdout, '');
    t.equal(unnumbered(await kernelState(lab, alpha)), unnumbered(before));
  });
});

t.test('the service manager is told whom to follow', { skip: skip || needs('python3') }, async (t) => {
  const lab = await Lab.create({ name: 'mainpid', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const { address, next } = await startManager(lab, alpha);
  const node = await lab.startPodwire(alpha, { env: { NOTIFY_SOCKET: address } });
  const first = node.process.pid;
  t.same(await next(), ['READY=1', `${first}`]);
  const client = ['--socket', node.socket];

  const done = await podwire(lab, alpha, 'restart', '--json', ...client);
  t.equal(done.code, 0, done.stderr);
  const second = (JSON.parse(done.stdout) as NodeStatus).pid;
  t.same(await next(), [`MAINPID=${second}`, `${first}`], 'by the one that it follows');
  t.same(await next(), ['READY=1', `${second}`]);

  writeFileSync(node.configFile, '{}');
  const failed = await podwire(lab, alpha, 'restart', ...client);
  t.match(failed, { code: 1, stderr: /has ended, its log says why; the podwire that ran goes on/ });
  t.match(node.log(), /clusterCidr: is missing/, 'the log is the same');
  const status = await podwire(lab, alpha, 'status', '--json', ...client);
  t.equal((JSON.parse(status.stdout) as NodeStatus).pid, second);
  const running = processId(second);
  t.equal((await podwire(lab, alpha, 'down', ...client)).code, 0);
  await until('it has ended', async () => running !== undefined && !isAlive(running));
});

t.test('a service waits for its underlay address', { skip: skip || needs('python3') }, async (t) => {
  const lab = await Lab.create({ name: 'lateaddr', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const { address, next } = await startManager(lab, alpha);
  const late = '192.0.2.77';
  const starting = lab.startPodwire(alpha, { env: { NOTIFY_SOCKET: address }, config: { underlay: late } });
  const said = () => readIfThere(`${lab.directory}/${alpha.name}.log`);
  await until('it waits', async () => (await said())?.includes(`no interface holds ${late}`) ?? false);
  t.equal((await lab.exec(alpha, ['ip', 'address', 'add', `${late}/32`, 'dev', 'lo'])).code, 0);
  const node = await starting;
  t.same(await next(), ['READY=1', `${node.process.pid}`]);
  t.match(node.log(), /no interface holds 192\.0\.2\.77: waiting until one does/);

  await node.stop();
  const typed = await podwire(lab, alpha, 'up', '--config', node.configFile, '--underlay', '192.0.2.78');
  t.match(typed, { code: 2, stderr: /no interface holds 192\.0\.2\.78: set underlay/ }, 'a person is told at once');
});

t.test('who is no service is not restarted', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'noservice', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha, { env: { NOTIFY_SOCKET: '' } });
  t.match(await podwire(lab, alpha, 'restart', '--socket', node.socket), {
    code: 1,
    stderr: /no service manager follows it.*podwire up --takeover.*nothing was changed/,
  });
});

/** What systemd would be told: `bound` is over, each further `next` is a message and who sent it. */
async function startManager(lab: Lab, host: LabHost): Promise<{ address: string; next(): Promise<string[]> }> {
  const address = `${lab.directory}/notify`;
  const receiver = lab.spawn(host, ['python3', '-uc', RECEIVER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told = createInterface({ input: receiver.stdout ?? process.stdin })[Symbol.asyncIterator]();
  const next = async () => String((await told.next()).value).split(' ');
  await next();
  return { address, next };
}

/** Prints what comes and from which process, a line a datagram. */
const RECEIVER = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
print('bound')
while True:
    text, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(12))
    print(text.decode().strip(), struct.unpack('iii', control[0][2])[0])
`;

/** Numbers of devices are counted on. */
function unnumbered(state: string): string {
  return state.replace(/^\d+: /gm, '').replace(/@if\d+/g, '');
}
