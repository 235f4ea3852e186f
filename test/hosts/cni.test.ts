/** Pods by the plugin: who talks to whom, under which address, from the first packet on; and nothing is left in the end. */
import t from 'tap';
import type { PodStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { ask, hasProgram, startEcho } from '../../src/lab/tools.js';
import { podwire } from './cli.js';
import { attach, type Container, cni, containers, PLUGINS, traces } from './cni.js';
import { labSkip } from './lab.js';

const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');

interface Pod extends Container {
  readonly addresses: string[];
}

/** A host that knows its pods and its own addresses. */
const ownAddresses = (host: LabHost) => [host.podCidr[0].replace('/24', ''), host.podCidr[1].replace('::/64', '::2')];

/** A device to hand over, in place of a network card's virtual function: one end of a veth; the other end stays. */
async function virtualFunction(lab: Lab, { host, id }: Container) {
  const name = id.replace(/^.*-device/, 'vf');
  await lab.exec(host, ['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`]);
  return { attach: 'device', device: name };
}

t.test('the model, pods and nodes, one way of attaching beside the other', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cni', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const before = await Promise.all(lab.hosts.map((host) => traces(lab, host)));
  const pods: Pod[] = [];
  for (const [i, host] of lab.hosts.entries()) {
    for (const mode of ['bridge', 'ptp', 'device']) {
      for (const container of await containers(lab, host, `${mode}1`, `${mode}2`)) {
        const config = mode === 'device' ? await virtualFunction(lab, container) : { attach: mode };
        const { addresses } = await attach(lab, nodes[i], container, { config });
        pods.push({ ...container, addresses });
      }
    }
  }
  await Promise.all([...pods, ...lab.hosts].map((place) => startEcho(lab, place)));
  for (const pod of pods) {
    const others = pods.filter((other) => other !== pod);
    const targets = [
      ...others.flatMap(({ addresses }) => addresses),
      ...pod.addresses,
      ...lab.hosts.flatMap((host) => [...ownAddresses(host), host.underlay]),
    ];
    const answers = await ask(lab, pod, targets);
    const wrong = answers.flatMap(({ seen }, i) => {
      const own = pod.addresses.find((address) => address.includes(':') === targets[i].includes(':'));
      return seen === own ? [] : `${targets[i]} sees ${seen || 'nothing'} of ${own}`;
    });
    t.same(wrong, [], `${pod.id} is seen under its own address by pods, itself and nodes`);
  }
  for (const host of lab.hosts) {
    const targets = pods.flatMap(({ addresses }) => addresses);
    const answers = await ask(lab, host, targets);
    const [own4, own6] = ownAddresses(host);
    const wrong = answers.flatMap(({ seen }, i) =>
      seen === (targets[i].includes(':') ? own6 : own4) ? [] : `${targets[i]} sees ${seen || 'nothing'}`,
    );
    t.same(wrong, [], `${host.name} reaches every pod, as itself`);
  }
  for (const pod of pods) {
    const node = nodes[lab.hosts.indexOf(pod.host)];
    const checked = await cni(lab, node, 'CHECK', pod);
    t.equal(checked.code, 0, checked.stdout);
    t.equal(checked.stdout, '');
    const gone = await cni(lab, node, 'DEL', pod);
    t.equal(gone.code, 0, gone.stdout);
    t.equal((await cni(lab, node, 'DEL', pod)).code, 0, 'again');
  }
  for (const [i, host] of lab.hosts.entries()) {
    const left = (await traces(lab, host))
      .split('\n')
      .filter(
        (line) =>
          !before[i].includes(line) &&
          !/^vf|dev vf|podwire-br|table netdev podwire|^}|fe80|ff00|^unreachable/.test(line),
      );
    t.same(left, [], 'of the pods nothing is left');
    const { stdout: back } = await lab.exec(host, ['ip', '-br', 'link', 'show', 'dev', 'vf1']);
    t.match(back, /^vf1@vf1p/, 'a device that was handed over is back');
    const { code } = await nodes[i].stop();
    t.equal(code, 0);
    t.notMatch(await traces(lab, host), /podwire|10\.244|fd00:244/, 'and of podwire nothing');
  }
});

t.test('pods at MTUs that are too small for IPv6 have IPv4', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnismall', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const ipv4 = { clusterCidr: ['10.244.0.0/16'], podCidr: [alpha.podCidr[0]], peers: [] };
  const small = await lab.startPodwire(alpha, { config: { ...ipv4, mtu: 1230 } });
  const whole = await lab.startPodwire(bravo);
  for (const [node, network] of [
    [small, {}],
    [whole, { mtu: 1200 }],
  ] as const) {
    const pods: Pod[] = [];
    for (const mode of ['bridge', 'ptp', 'device', 'macvlan']) {
      const [container] = await containers(lab, node.host, `${mode}1`);
      const device = mode === 'device' && (await virtualFunction(lab, container));
      const range = mode === 'macvlan' && { range: [`${node.host.router.replace(/\.1$/, '.64')}/28`] };
      const config = { attach: mode, ...network, ...device, ...range };
      const { addresses } = await attach(lab, node, container, { config });
      t.equal(addresses.length, 1, `${mode} on ${node.host.name}: ${addresses}`);
      pods.push({ ...container, addresses });
    }
    const [bridge, ...others] = pods;
    await Promise.all(others.map((pod) => startEcho(lab, pod)));
    const targets = others.flatMap(({ addresses }) => addresses);
    const answers = await ask(lab, bridge, targets.slice(0, 2));
    t.same(
      answers.map(({ seen }) => seen),
      [bridge.addresses[0], bridge.addresses[0]],
    );
    for (const pod of pods) {
      const checked = await cni(lab, node, 'CHECK', pod);
      t.equal(checked.code, 0, checked.stdout);
      t.equal((await cni(lab, node, 'DEL', pod)).code, 0);
    }
  }
  await small.stop();
  t.equal((await lab.exec(alpha, ['ip', 'link', 'set', 'eth0', 'mtu', '1280'])).code, 0);
  const narrow = await lab.startPodwire(alpha);
  t.match(narrow.log(), /"level":"warn".*IPv6 inside is off: it needs 1280 bytes, and there are 1230/);
  t.equal(narrow.log().match(/"level":"warn"/g)?.length, 1, 'in one line');
  const [late] = await containers(lab, alpha, 'late');
  t.same((await attach(lab, narrow, late)).addresses.length, 1);
  const [container] = await containers(lab, bravo, 'asks');
  const asking = { mtu: 1200, args: { cni: { ips: [bravo.podCidr[1].replace('::/64', '::99')] } } };
  const refused = await cni(lab, whole, 'ADD', container, { config: asking });
  t.match(refused.json, { msg: "IPv6 needs an MTU of 1280, and the pod's is 1200; nothing was changed" });
});

t.test('a device is not handed over where its name is taken, and what has the name stays', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnitaken', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [container] = await containers(lab, alpha, 'device1');
  const config = await virtualFunction(lab, container);
  const foreign = await lab.exec(container, ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other']);
  t.equal(foreign.code, 0, foreign.stderr);
  const { code, stdout } = await cni(lab, node, 'ADD', container, { config });
  t.not(code, 0);
  t.match(JSON.parse(stdout), { msg: /the pod has an interface eth0 already; nothing was changed/ });
  t.match((await lab.exec(container, ['ip', '-br', 'link', 'show', 'eth0'])).stdout, /^eth0@other/);
  t.equal((await lab.exec(alpha, ['ip', 'link', 'show', config.device])).code, 0, 'the device is on the node');
});

t.test('SNAT out of the cluster and ports in, only where asked', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cninat', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const [plain, hidden, server] = await containers(lab, alpha, 'plain', 'hidden', 'server');
  const [far] = await containers(lab, bravo, 'far');
  const { addresses: own } = await attach(lab, nodes[0], plain);
  await attach(lab, nodes[0], hidden, { config: { masquerade: true, attach: 'ptp' } });
  const inside = await attach(lab, nodes[1], far);
  const ports = { runtimeConfig: { portMappings: [{ hostPort: 8088, containerPort: 7007, protocol: 'tcp' }] } };
  await attach(lab, nodes[0], server, { config: ports });
  await Promise.all([far, server, lab.router].map((place) => startEcho(lab, place)));
  const { router } = alpha;
  const hiddenOwn = await ask(lab, hidden, inside.addresses);
  t.same(
    hiddenOwn.map(({ seen, own }) => seen === own),
    [true, true],
    'inside the cluster it is seen as itself',
  );
  t.equal((await ask(lab, hidden, [router]))[0].seen, alpha.underlay, 'outside as its node');
  t.equal((await ask(lab, plain, [router]))[0].seen, '', 'who did not ask for it is not hidden, and filtered below');
  const knock = async (from: Container | LabHost) => {
    const program = `require('net').connect(8088,'${alpha.underlay}').on('error',()=>{}).pipe(process.stdout)`;
    const { stdout } = await lab.exec(from, [process.execPath, '-e', program], { timeoutMs: 3000 });
    return stdout.trim();
  };
  t.equal(await knock(bravo), bravo.underlay, 'the port of the node leads to the pod');
  t.equal(await knock(far), inside.addresses[0], 'from pods elsewhere too, which are seen as themselves');
  t.equal(await knock(plain), own[0], 'and from pods beside it');
  t.not(await knock(server), '', 'and from itself');
  t.not(await knock(alpha), '', 'and from its node');
  for (const pod of [hidden, server]) t.equal((await cni(lab, nodes[0], 'DEL', pod)).code, 0);
  t.notMatch(await traces(lab, alpha), /podwire_nat/, 'without any such pod there is no table');
});

t.test('a pod does not send under an address that is not its own', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'cnispoof', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  for (const mode of ['bridge', 'ptp']) {
    const [bad, good] = await containers(lab, alpha, `bad${mode}`, `good${mode}`);
    const config = { attach: mode };
    const { addresses, json } = await attach(lab, node, bad, { config });
    const { addresses: victims } = await attach(lab, node, good, { config });
    await startEcho(lab, good);
    const seen = async () => (await ask(lab, bad, victims)).map((answer) => answer.seen);
    t.same(await seen(), addresses, 'as itself it is heard');
    const forged = [addresses[0].replace(/\d+$/, '77'), addresses[1].replace(/[^:]+$/, '77')];
    const inBad = (...lines: string[]) => lab.exec(bad, ['sh', '-ec', lines.join('\n')]);
    for (const [i, address] of forged.entries()) {
      await inBad(
        `ip address add ${address}/${i === 0 ? 32 : 128} dev eth0 ${i === 0 ? '' : 'nodad'}`,
        `ip route replace ${victims[i]} ${mode === 'ptp' ? `via ${json.ips?.[i].gateway}` : ''} dev eth0 ${mode === 'ptp' ? 'onlink' : ''} src ${address}`,
      );
    }
    t.same(await seen(), ['', ''], `${mode}: under another address it is not`);
    await inBad(
      ...forged.map((address, i) => `ip address del ${address}/${i === 0 ? 32 : 128} dev eth0`),
      ...victims.map((address) => `ip route del ${address} || true`),
    );
    t.same(await seen(), addresses, 'as itself again');
    await inBad('ip link set eth0 address 02:00:00:00:00:77');
    t.same(await seen(), ['', ''], `${mode}: under another MAC it is not`);
    const told = await podwire(lab, alpha, 'pods', '--json', '--socket', node.socket);
    const [{ traffic: forger }, { traffic: other }] = (JSON.parse(told.stdout) as PodStatus[]).slice(-2);
    t.ok((forger?.forged ?? 0) >= 8, `what was forged is counted: ${forger?.forged}`);
    t.equal(other?.forged, 0, 'by pod');
    t.ok((other?.receivedBytes ?? 0) > 500 && (other?.sentBytes ?? 0) > 500, 'and so is what passes');
  }
  const shown = await podwire(lab, alpha, 'pods', '--socket', node.socket);
  t.match(shown.stdout, /^alpha-badptp +\S+-alpha-badptp +eth0 +.* \d+ forged/m, shown.stdout);
  const events = await podwire(lab, alpha, 'events', '--json', '--socket', node.socket);
  t.match(events.stdout, /"kind":"pod-attached","containerId":"alpha-badptp".*"addresses":\["10/);
});

for (const [name, plugin] of Object.entries(PLUGINS)) {
  t.test(`verbs, versions and errors as the specification has them: plugin in ${name}`, { skip }, async (t) => {
    const lab = await Lab.create({ name: `cniverbs${name}`, hosts: 1, pods: 0 });
    t.teardown(() => lab.destroy());
    const [alpha] = lab.hosts;
    const node = await lab.startPodwire(alpha);
    const [one, two, three] = await containers(lab, alpha, 'one', 'two', 'three');
    const call = (command: string, container: Container, config = {}, env = {}) =>
      cni(lab, node, command, container, { config, env, plugin });

    const version = await call('VERSION', one, { cniVersion: '1.1.0' }, { CNI_CONTAINERID: '', CNI_NETNS: 'dummy' });
    t.same(version.json, { cniVersion: '1.1.0', supportedVersions: ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] });
    t.match(await call('STATUS', one, { cniVersion: '1.1.0' }), { code: 0, stdout: '' });
    t.match((await call('ADD', one, { cniVersion: '0.2.0' })).json, { code: 1 });
    t.match((await call('ADD', one, { ipam: { type: 'host-local' } })).json, { code: 2 });
    t.match((await call('ADD', one, {}, { CNI_NETNS: '/run/netns/none' })).json, { code: 4, msg: /is not there/ });
    t.match((await call('ADD', one, {}, { CNI_NETNS: '/proc/self/ns/net\n' })).json, { code: 4 });
    t.match((await call('ADD', one, {}, { CNI_IFNAME: 'a b' })).json, { code: 4, msg: /CNI_IFNAME/ });
    t.match((await call('ADD', one, {}, { CNI_CONTAINERID: '../x' })).json, { code: 4, msg: /CNI_CONTAINERID/ });
    t.match((await call('NEW', one)).json, { code: 4, msg: /CNI_COMMAND/ });
    t.match((await call('ADD', one, { attach: 'wire' })).json, { code: 7, msg: /attach/ });
    const cut = `{"socket": "${node.socket}", "cniVersion": "1.0.0", "name": `;
    t.match((await cni(lab, node, 'ADD', one, { stdin: cut, plugin })).json, { code: 6 }, 'garbage on standard input');
    for (const stdin of ['', '\u0001{]garbage', '[]', '{']) {
      t.match((await cni(lab, node, 'ADD', one, { stdin, plugin })).json, { code: 6 }, `and ${JSON.stringify(stdin)}`);
    }
    const broken = `{"socket": "${node.socket}", "cniVersion": "1.0.0", "name": }`;
    t.match((await cni(lab, node, 'ADD', one, { stdin: broken, plugin })).json, { code: 6 }, 'which the agent reads');

    t.equal((await call('DEL', one)).code, 0, 'DEL before ADD');
    const previous = {
      cniVersion: '0.4.0',
      interfaces: [{ name: 'lo0' }],
      ips: [],
      dns: { nameservers: ['192.0.2.9'] },
    };
    const added = await call('ADD', one, { cniVersion: '0.4.0', prevResult: previous });
    t.match(added.json, {
      cniVersion: '0.4.0',
      interfaces: [{ name: 'lo0' }, { name: 'podwire-br' }, { name: /^pw/ }, { name: 'eth0', sandbox: one.netns }],
      ips: [
        { version: '4', address: '10.244.1.2/24', gateway: '10.244.1.1', interface: 3 },
        { version: '6', interface: 3 },
      ],
      dns: { nameservers: ['192.0.2.9'] },
    });
    t.notOk(
      added.json.interfaces?.some(({ mtu }) => mtu !== undefined),
      'what 1.1.0 brought is left out',
    );
    t.match((await call('ADD', one)).json, { code: 100, msg: /already/ }, 'ADD twice');
    t.equal((await call('CHECK', one, { prevResult: added.json })).code, 0);
    await lab.exec(one, ['ip', 'address', 'flush', 'dev', 'eth0']);
    t.match((await call('CHECK', one, { prevResult: added.json })).json, { code: 103, msg: /does not hold/ });

    const wanted = await call('ADD', two, {
      runtimeConfig: { ips: ['10.244.1.77/24', 'fd00:244:0:1::77'], mac: '02:00:00:00:00:42' },
    });
    t.match(wanted.json, { ips: [{ address: '10.244.1.77/24' }, { address: 'fd00:244:0:1::77/64' }] }, wanted.stdout);
    t.equal(wanted.json.interfaces?.at(-1)?.mac, '02:00:00:00:00:42');
    t.match((await call('ADD', three, {}, { CNI_ARGS: 'IgnoreUnknown=1;IP=10.244.1.77' })).json, {
      code: 101,
      msg: /held by/,
    });
    t.match((await call('ADD', three, {}, { CNI_ARGS: 'IP=10.244.1.1' })).json, { code: 101, msg: /gateway/ });
    t.match((await call('ADD', three, {}, { CNI_ARGS: 'IP=10.9.9.9' })).json, { code: 101 });
    t.match(
      (await call('ADD', three, {}, { CNI_IFNAME: 'lo' })).json,
      { code: 100 },
      'an interface of that name is there',
    );
    t.equal((await call('ADD', three)).code, 0, 'what failed left nothing in the way');

    const keep = [{ containerID: two.id, ifname: 'eth0' }];
    const collected = await call('GC', one, { cniVersion: '1.1.0', 'cni.dev/valid-attachments': keep });
    t.equal(collected.code, 0, collected.stdout);
    const { stdout } = await lab.exec(alpha, ['ip', '-o', 'link', 'show', 'type', 'veth']);
    t.equal(stdout.match(/\bpw[0-9a-v]{12}@/g)?.length, 1, 'GC leaves what the runtime knows');
    t.equal((await call('DEL', two, {}, { CNI_NETNS: '' })).code, 0, 'DEL without a namespace, without prevResult');

    t.equal((await node.stop()).code, 0);
    t.match((await call('ADD', one)).json, { code: 11, msg: /podwire up/ }, 'no agent: try again');
    t.match((await call('STATUS', one, { cniVersion: '1.1.0' })).json, { code: 50 });
  });
}
