/** The plugin beside the reference's, and through faults and kills: what it costs, and that nothing is left. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { seededRandom } from '../../src/core/random.js';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig, type RunningPodwire } from '../../src/lab/podwire.js';
import { ask, hasProgram, startEcho } from '../../src/lab/tools.js';
import { podwire } from './cli.js';
import { attach, type Called, type Container, cni, containers, PLUGIN, removeContainers, traces } from './cni.js';
import { labSkip } from './lab.js';

const REFERENCE = '/usr/lib/cni';
const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');
const noReference = existsSync(join(REFERENCE, 'host-local')) ? false : 'needs the package containernetworking-plugins';

const ROUNDS = 25;

t.test('verbs in a loop, beside the reference bridge with host-local', { skip: skip || noReference }, async (t) => {
  const lab = await Lab.create({ name: 'cniloop', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [pod] = await containers(lab, alpha, 'pod');
  const dataDir = join(lab.directory, 'host-local');
  const reference = {
    plugin: [join(REFERENCE, 'bridge')],
    config: {
      type: 'bridge',
      bridge: 'ref0',
      isGateway: true,
      hairpinMode: true,
      ipam: { type: 'host-local', dataDir, ranges: [[{ subnet: '10.99.0.0/24' }], [{ subnet: 'fd99::/64' }]] },
    },
    env: { CNI_PATH: REFERENCE, CNI_IFNAME: 'eth9' },
  };
  const times = new Map<string, number[]>();
  const note = (who: string, verb: string, { code, stdout, ms }: Called) => {
    if (code !== 0) t.fail(`${who} ${verb}: ${stdout}`);
    times.set(`${verb} ${who}`, [...(times.get(`${verb} ${who}`) ?? []), ms]);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [who, options] of [
      ['podwire', {}],
      ['reference', reference],
    ] as const) {
      note(who, 'VERSION', await cni(lab, node, 'VERSION', pod, options));
      const added = await cni(lab, node, 'ADD', pod, options);
      note(who, 'ADD', added);
      const withResult = { ...options, config: { ...('config' in options && options.config), prevResult: added.json } };
      note(who, 'CHECK', await cni(lab, node, 'CHECK', pod, withResult));
      note(who, 'DEL', await cni(lab, node, 'DEL', pod, withResult));
    }
  }
  const median = (name: string) => [...(times.get(name) ?? [])].sort((a, b) => a - b)[ROUNDS >> 1];
  for (const verb of ['VERSION', 'ADD', 'CHECK', 'DEL']) {
    const [ours, theirs] = [median(`${verb} podwire`), median(`${verb} reference`)];
    t.comment(`${verb.padEnd(8)} podwire ${ours.toFixed(1)} ms, reference ${theirs.toFixed(1)} ms (p50 of ${ROUNDS})`);
  }
  t.ok(median('ADD podwire') <= 2 * median('ADD reference'), 'ADD takes no more than twice as long as the reference');
});

t.test('faults: each told, none leaves anything', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnifault', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  let node = await lab.startPodwire(alpha);
  const store = join(lab.directory, 'alpha', 'state', 'pods');
  const [kept, gone, other] = await containers(lab, alpha, 'kept', 'gone', 'other');
  const { addresses } = await attach(lab, node, kept, { config: { masquerade: true } });
  await attach(lab, node, gone, { config: { attach: 'ptp' } });
  await startEcho(lab, kept);
  const answered = async () => (await ask(lab, alpha, addresses)).every(({ seen }) => seen !== '');
  t.ok(await answered());

  const died = new Promise((resolve) => node.process.once('close', resolve));
  node.process.kill('SIGKILL');
  await died;
  t.match((await cni(lab, node, 'DEL', gone)).json, { code: 11 }, 'agent killed: DEL is to be tried again');
  node = await lab.startPodwire(alpha);
  t.ok(await answered(), 'a pod outlives the agent');
  t.equal((await cni(lab, node, 'DEL', gone)).code, 0, 'and DEL succeeds later');
  t.match((await cni(lab, node, 'ADD', kept)).json, { code: 100 }, 'who is there is remembered');
  t.notMatch((await attach(lab, node, other)).addresses, addresses, 'and no address is given out twice');

  removeContainers([other]);
  const leak = await podwire(lab, alpha, 'ipam', 'check', '--socket', node.socket);
  t.equal(leak.code, 1, leak.stdout);
  t.match(leak.stdout, /alpha-other holds .*namespace .* is gone/);
  await podwire(lab, alpha, 'ipam', 'check', '--socket', node.socket);
  const told = await podwire(lab, alpha, 'events', '--socket', node.socket);
  t.equal(told.stdout.match(/pod-audit +found: alpha-other holds/g)?.length, 1, 'and in events, once');
  await lab.exec(alpha, ['nft', 'delete', 'table', 'netdev', 'podwire']);
  await lab.exec(alpha, ['ip', 'link', 'add', 'pw000000000000', 'type', 'bridge']);
  const repaired = await podwire(lab, alpha, 'ipam', 'check', '--repair', '--socket', node.socket);
  t.equal(repaired.code, 0, repaired.stdout + repaired.stderr);
  t.match(repaired.stdout, /mended .*no rules against forged addresses/);
  t.match(repaired.stdout, /mended .*pw000000000000/);
  const clean = await podwire(lab, alpha, 'ipam', 'check', '--json', '--socket', node.socket);
  t.match(JSON.parse(clean.stdout), { pods: 1, findings: { length: 0 } }, clean.stdout);

  const crash = new Promise((resolve) => node.process.once('close', resolve));
  node.process.kill('SIGKILL');
  await crash;
  const text = readFileSync(store, 'utf8');
  writeFileSync(store, text.replace('10.244', '99.244'));
  node = await lab.startPodwire(alpha);
  t.match(node.log(), /state\/pods is damaged: .*kept as .*pods\.damaged/, 'a damaged store is told in one line');
  t.equal(readFileSync(`${store}.damaged`, 'utf8'), text.replace('10.244', '99.244'));
  t.ok(await answered(), 'and the pod is still there');
  t.match((await cni(lab, node, 'ADD', kept)).json, { code: 100 }, 'taken over from its device');
  t.equal((await cni(lab, node, 'DEL', kept, { env: { CNI_NETNS: '' } })).code, 0);

  const before = await traces(lab, alpha);
  const [blocked] = await containers(lab, alpha, 'blocked');
  await lab.exec(blocked, ['ip', 'link', 'add', 'eth0', 'type', 'bridge']);
  for (const mode of ['bridge', 'ptp']) {
    const refused = await cni(lab, node, 'ADD', blocked, { config: { attach: mode, masquerade: true } });
    t.match(refused.json, { code: 100, msg: /taken back/ }, `${mode}: the name is taken in the pod`);
  }
  t.equal(await traces(lab, alpha), before, 'what a failed ADD made is undone');
  t.equal((await node.stop()).code, 0);
  t.notMatch(await traces(lab, alpha), /podwire|10\.244/);
});

t.test('without agent and device the node reaches its pods: a kubelet goes on probing them', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnidown', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const start = () => lab.startPodwire(alpha, { config: gossipConfig(lab, alpha), timeoutMs: 20_000 });
  const node = await start();
  const pods: { mode: string; addresses: string[] }[] = [];
  for (const mode of ['bridge', 'ptp']) {
    const [pod] = await containers(lab, alpha, mode);
    const { addresses } = await attach(lab, node, pod, { config: { attach: mode } });
    await startEcho(lab, pod);
    pods.push({ mode, addresses });
  }
  const each = async (when: string) => {
    for (const { mode, addresses } of pods) {
      t.notOk(
        (await ask(lab, alpha, addresses)).some(({ seen }) => seen === ''),
        `${mode}: ${when}`,
      );
    }
  };
  await each('while it carries');
  const { code, stderr } = await podwire(lab, alpha, 'down', '--socket', node.socket);
  t.equal(code, 0, stderr);
  t.not((await lab.exec(alpha, ['ip', 'link', 'show', 'podwire0'])).code, 0);
  await each('without device');
  await start();
  await each('with the next agent, who did not know yet which subnet it would hold');
});

t.test('a disk that is full: ADD is refused and undone, DEL is not, and nothing is lost', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnidisk', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const state = join(lab.directory, 'alpha', 'state');
  mkdirSync(state, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', state]);
  t.teardown(() => execFileSync('umount', ['-l', state]));
  const node = await lab.startPodwire(alpha);
  const pods = await containers(lab, alpha, ...Array.from({ length: 12 }, (_, i) => `p${i}`));
  execFileSync('sh', ['-c', `cat /dev/zero > ${state}/filler 2>/dev/null || true`]);
  const called: Called[] = [];
  for (const pod of pods) called.push(await cni(lab, node, 'ADD', pod));
  const refused = called.findIndex(({ code }) => code !== 0);
  t.ok(refused > 0, `the page that was there took ${refused}`);
  t.match(called[refused]?.json, { code: 5, msg: /ENOSPC.*make room/ });
  t.equal((await cni(lab, node, 'DEL', pods[0])).code, 0, 'DEL');
  rmSync(join(state, 'filler'));
  t.equal((await cni(lab, node, 'ADD', pods[refused])).code, 0, 'with room it goes on');
  const died = new Promise((resolve) => node.process.once('close', resolve));
  node.process.kill('SIGKILL');
  await died;
  const again = await lab.startPodwire(alpha);
  t.notMatch(again.log(), /damaged/, 'no line is cut in two');
  for (const pod of pods) t.equal((await cni(lab, again, 'DEL', pod)).code, 0);
  const audit = await podwire(lab, alpha, 'ipam', 'check', '--json', '--socket', again.socket);
  t.match(JSON.parse(audit.stdout), { pods: 0, findings: { length: 0 } }, audit.stdout);
  t.equal((await again.stop()).code, 0);
});

/** The plugin, killed at some moment of its work. */
const CUT = ['timeout', '-s', 'KILL', '0.02', ...PLUGIN];
const INSIDE = 'for n in /run/netns/PREFIX*; do nsenter --net=$n ip -o link show | grep -v " lo:"; done';

const PODS = Number(process.env['PODWIRE_CNI_PODS'] ?? 200);
const AT_ONCE = 30;

t.test(`${PODS} ADD and DEL, ${AT_ONCE} at once, plugins and agents killed`, { skip, timeout: 600_000 }, async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const lab = await Lab.create({ name: 'cnistorm', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  mkdirSync(join(lab.directory, 'alpha'), { recursive: true });
  // Room for all: an address that was given back rests for half a minute.
  const config = { podCidr: ['10.244.16.0/20', 'fd00:244:0:1::/64'], peers: [] };
  const node: { now: RunningPodwire } = { now: await lab.startPodwire(alpha, { config }) };
  const spaces = await containers(lab, alpha, ...Array.from({ length: AT_ONCE }, (_, i) => `p${i}`));
  const living = new Map<string, readonly string[]>();
  let started = 0;
  let [added, failed, cut] = [0, 0, 0];
  let restarting = Promise.resolve();

  /** One namespace, a pod after the other; each with a container of its own. */
  async function work(space: Container): Promise<void> {
    while (started < PODS) {
      const container = { ...space, id: `c${started++}` };
      const network = { attach: random() < 0.5 ? 'bridge' : 'ptp', masquerade: random() < 0.2 };
      const kill = random() < 0.1;
      const adding = cni(
        lab,
        node.now,
        'ADD',
        container,
        kill ? { config: network, plugin: CUT } : { config: network },
      );
      const { code, json } = await adding;
      if (kill) cut++;
      if (code === 0 && json.ips) {
        added++;
        const mine = json.ips.map(({ address }) => address.split('/')[0]);
        for (const [id, addresses] of living) {
          const twice = addresses.filter((address) => mine.includes(address));
          if (twice.length > 0) t.fail(`${twice.join()} is held by ${id} and given to ${container.id}`);
        }
        living.set(container.id, mine);
      } else failed++;
      await restarting;
      // A runtime tries again until it is told that it is done.
      living.delete(container.id);
      for (let tries = 0; (await cni(lab, node.now, 'DEL', container)).code !== 0; tries++) {
        if (tries > 50) throw new Error(`DEL ${container.id} does not succeed`);
        await restarting;
      }
    }
  }

  async function restart(): Promise<void> {
    const died = new Promise((resolve) => node.now.process.once('close', resolve));
    node.now.process.kill('SIGKILL');
    await died;
    node.now = await lab.startPodwire(alpha, { config });
  }

  let done = false;
  const kills = (async () => {
    for (let kill = 1; !done && kill <= 5; kill++) {
      while (!done && started < (PODS * kill) / 6) await new Promise((resolve) => setTimeout(resolve, 20));
      if (done) return;
      restarting = restart();
      await restarting;
    }
  })();
  await Promise.all(spaces.map(work));
  done = true;
  await kills;
  t.comment(`${added} added, ${failed} failed, ${cut} plugins killed`);
  t.ok(added > PODS / 3, `${added} of ${PODS} were attached`);
  const audit = await podwire(lab, alpha, 'ipam', 'check', '--json', '--socket', node.now.socket);
  t.match(JSON.parse(audit.stdout), { pods: 0, findings: { length: 0 } }, audit.stdout);
  const { stdout: inside } = await lab.exec(alpha, [
    'sh',
    '-c',
    INSIDE.replace('PREFIX', `${lab.plan.prefix}-alpha-p`),
  ]);
  t.equal(inside, '', 'no pod has a device left');
  t.equal((await node.now.stop()).code, 0);
  t.notMatch(await traces(lab, alpha), /podwire|\bpw\w{12}|10\.244/, 'and the node has none');
});
