/** What becomes of what is kept for another agent: when that fails, when it wants something else, when nobody comes. */
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig } from '../../src/lab/podwire.js';
import { ask, hasProgram, startDatagramEcho, startEcho, startSteady } from '../../src/lab/tools.js';
import { endProcess, isAlive } from '../../src/os/processes.js';
import { kernelState, podwire } from './cli.js';
import { attach, containers } from './cni.js';
import { labSkip } from './lab.js';
import { DURATION, ended, kept, MOST_LOST, PER_SECOND, podsOn } from './restarting.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');

t.test('a successor that fails leaves the one that runs at work', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'takefail', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const config = (host: typeof alpha) => gossipConfig(lab, host);
  const node = await lab.startPodwire(alpha, { config: config(alpha) });
  const other = await lab.startPodwire(bravo, { config: config(bravo) });
  const { pods } = await podsOn(lab, [node, other]);
  const [from, to] = pods;
  await Promise.all([startEcho(lab, to), startDatagramEcho(lab, to)]);
  while ((await ask(lab, from, to.addresses)).some(({ seen }) => seen === ''));
  const status = async () =>
    JSON.parse((await podwire(lab, alpha, 'status', '--json', '--socket', node.socket)).stdout);
  const { pid } = await status();

  const flow = await startSteady(lab, from, to.addresses[0], PER_SECOND, DURATION);
  const wrong = await podwire(lab, alpha, 'up', '--config', node.configFile, '--takeover', '--mtu', '12');
  t.equal(wrong.code, 2, 'a configuration that is wrong is found before anything is asked');
  const killed = lab.spawn(alpha, [process.execPath, CLI, 'up', '--config', node.configFile, '--takeover'], {
    stdio: 'ignore',
  });
  while (!/another process takes over/.test(node.log())) await delay(2);
  const gone = new Promise((resolve) => killed.once('close', resolve));
  killed.kill('SIGKILL');
  await gone;
  while (!/the process that was to take over has ended/.test(node.log())) await delay(20);
  while ((await podwire(lab, alpha, 'status', '--socket', node.socket)).code !== 0) await delay(20);
  while ((await status()).phase !== 'running') await delay(20);
  t.equal((await status()).pid, pid, 'the same process answers again');
  const { sent, lost } = await flow.report;
  t.comment(`${lost} of ${sent} lost`);
  t.ok(lost <= MOST_LOST, `${lost} of ${sent} datagrams lost`);
  const [another] = await containers(lab, alpha, 'another');
  t.match(await attach(lab, node, another), { code: 0 }, 'and it attaches pods');
});

t.test('SIGTERM while another takes over ends both', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'takeend', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const before = ended(node);
  const child = lab.spawn(alpha, [process.execPath, CLI, 'up', '--config', node.configFile, '--takeover'], {
    stdio: 'ignore',
  });
  const gone = new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)));
  while (!/another process takes over/.test(node.log())) await delay(2);
  // It is in the middle of it, and stays there.
  child.kill('SIGSTOP');
  node.process.kill('SIGTERM');
  t.equal(await before, 0);
  t.equal(await gone, 'SIGKILL');
  t.notMatch(await kernelState(lab, alpha), /podwire0/, 'and nothing is left');
});

t.test('what is kept is let go: by down, by another shape, with its time', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'letgo', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [pod] = await containers(lab, alpha, 'pod');
  await attach(lab, node, pod);

  t.equal((await node.stop()).code, 0);
  const { keeper } = kept(lab, node);
  t.ok(isAlive(keeper));
  t.match(
    await kernelState(lab, alpha),
    /podwire0: <.*LOWER_UP.* qlen 2000/,
    'the device keeps its carrier, and has room',
  );
  const check = await podwire(lab, alpha, 'check', '--config', node.configFile);
  t.equal(check.code, 0, check.stdout);
  t.match(check.stdout, /podwire0 is kept for the next podwire/);

  const wide = await lab.startPodwire(alpha, { config: { workers: 2 } });
  t.notMatch(wide.log(), /took over/, 'with other workers the device is made anew');
  t.notOk(isAlive(keeper));
  const rules = async () => (await lab.exec(alpha, ['ip', 'rule'])).stdout;
  t.match(await rules(), /30084:\tfrom 10\.244\.1\.0\/24 lookup 8472/);
  const replaced = ended(wide);
  const narrow = await lab.startPodwire(alpha, { args: ['--takeover'] });
  t.equal(await replaced, 0, 'a takeover with another shape ends the former first');
  t.notMatch(narrow.log(), /took over/);
  const died = ended(narrow);
  narrow.process.kill('SIGKILL');
  await died;
  await endProcess(kept(lab, narrow).keeper, 'SIGKILL', 5_000);
  t.notMatch(await kernelState(lab, alpha), /podwire0/, 'without its keeper the device is gone');
  const { stdout: without } = await lab.exec(alpha, ['ip', 'route', 'show', 'root', '10.244.0.0/16']);
  t.match(without, /^unreachable 10\.244\.0\.0\/16 /m, 'and nothing for pods elsewhere leaves by the default route');
  const moved = await lab.startPodwire(alpha, { config: { podCidr: ['10.244.77.0/24', 'fd00:244:0:77::/64'] } });
  t.match(await rules(), /30084:\tfrom 10\.244\.77\.0\/24 lookup 8472/, 'after a kill and with another subnet');
  t.notMatch(await rules(), /10\.244\.1\.0\/24/, 'no rule of the former subnet is left');

  const down = await podwire(lab, alpha, 'down', '--socket', moved.socket);
  t.equal(down.code, 0, down.stderr);
  t.notMatch(await kernelState(lab, alpha), /podwire0/, 'down removes the device also while pods live');
});

t.test('down takes away what is kept where no agent runs, or one that does not carry yet', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'downkept', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [pod] = await containers(lab, alpha, 'pod');
  await attach(lab, node, pod);
  const config = ['--config', node.configFile];
  const noTraces = async (what: string) => {
    const state = await kernelState(lab, alpha);
    t.notMatch(state, /podwire0/, `${what}: the device is gone`);
    t.notMatch(state, /lookup 8472/, 'and what leads pods to it');
    t.notMatch(state, /unreachable 10\.244\.1\.0\/24/, 'and the routes');
    t.match(state, /inet 10\.244\.1\.1\/32/, 'pods stay');
  };

  t.equal((await node.stop()).code, 0);
  const { keeper } = kept(lab, node);
  t.ok(isAlive(keeper));
  const silent = await podwire(lab, alpha, 'down', '--socket', node.socket);
  t.match(silent, { code: 3, stderr: /no podwire answers/ });
  t.ok(isAlive(keeper), 'of which node it is that socket does not tell');
  const down = await podwire(lab, alpha, 'down', ...config);
  t.match(
    down,
    { code: 0, stdout: /^no podwire runs; what an earlier one left for the next is removed\n/ },
    down.stderr,
  );
  t.notOk(isAlive(keeper));
  await noTraces('after a stop');
  t.equal((await podwire(lab, alpha, 'down', ...config)).code, 3, 'then there is nothing more');

  const again = await lab.startPodwire(alpha);
  const died = ended(again);
  again.process.kill('SIGKILL');
  await died;
  // It finds nobody to join: it does not carry.
  writeFileSync(again.configFile, JSON.stringify({ ...lab.nodeConfig(alpha), ...gossipConfig(lab, lab.hosts[1]) }));
  const joining = lab.spawn(alpha, [process.execPath, CLI, 'up', ...config], { stdio: 'ignore' });
  const gone = new Promise((resolve) => joining.once('close', resolve));
  while ((await podwire(lab, alpha, 'status', ...config)).code !== 0) await delay(20);
  const former = kept(lab, again).keeper;
  t.ok(isAlive(former));
  const second = await podwire(lab, alpha, 'down', ...config);
  t.equal(second.code, 0, second.stderr);
  t.notOk(isAlive(former));
  await noTraces('before it carried');
  t.equal(await gone, 0);
});

t.test('leave under living pods is refused, and names them', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'leavepods', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha, { config: gossipConfig(lab, alpha) });
  const [pod] = await containers(lab, alpha, 'pod');
  const { addresses } = await attach(lab, node, pod);
  const refused = await podwire(lab, alpha, 'leave', '--socket', node.socket);
  t.not(refused.code, 0);
  t.match(refused.stderr, `alpha-pod (${addresses.join(', ')})`);
  t.match(refused.stderr, /nothing was changed.*--force/);
  t.equal((await podwire(lab, alpha, 'status', '--socket', node.socket)).code, 0, 'it goes on');
  const gone = ended(node);
  const forced = await podwire(lab, alpha, 'leave', '--force', '--socket', node.socket);
  t.equal(forced.code, 0, forced.stderr);
  t.equal(await gone, 0);
});
