/** Pods in the node's own network: who reaches whom there, what the network refuses, and that nothing is left. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { rangeOf } from '../../src/lab/conformance.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost, Place } from '../../src/lab/plan.js';
import { ask, hasProgram, startEcho } from '../../src/lab/tools.js';
import { podwire } from './cli.js';
import { attach, type Container, cni, containers, traces } from './cni.js';
import { labSkip } from './lab.js';

const skip = labSkip() || (hasProgram('nft') ? false : 'needs nft (nftables)');

const macvlan = (number: number) => ({ attach: 'macvlan', range: rangeOf(number) });

interface Party {
  readonly place: Place;
  readonly name: string;
  readonly addresses: readonly string[];
}

t.test('pods of the network and pods of the overlay, on hosts that share an L2', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'macvlan', hosts: 2, pods: 0, underlay: 46, sharedL2: true });
  t.teardown(() => lab.destroy());
  const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const before = await Promise.all(lab.hosts.map((host) => traces(lab, host)));
  const pods: (Party & { readonly container: Container; readonly underlay: boolean })[] = [];
  for (const [i, host] of lab.hosts.entries()) {
    for (const name of ['macvlan1', 'macvlan2', 'bridge1', 'ptp1']) {
      const [container] = await containers(lab, host, name);
      const underlay = name.startsWith('macvlan');
      const config = underlay ? macvlan(i + 1) : { attach: name.slice(0, -1) };
      const { addresses } = await attach(lab, nodes[i], container, { config });
      pods.push({ place: container, name: container.id, addresses, container, underlay });
    }
  }
  t.same(
    pods.slice(0, 2).map(({ addresses }) => addresses),
    [
      ['10.101.0.64', 'fd00:101::1:0'],
      ['10.101.0.65', 'fd00:101::1:1'],
    ],
    'addresses are of the range',
  );
  await Promise.all([...pods.map(({ place }) => place), ...lab.hosts].map((place) => startEcho(lab, place)));
  const underlays = ({ uplinks }: LabHost) => uplinks.map(({ underlay }) => underlay);
  const wrong: string[] = [];
  const expectSeen = async (from: Place, name: string, targets: readonly string[], own: readonly string[]) => {
    const answers = await ask(lab, from, targets);
    for (const [i, { seen }] of answers.entries()) {
      const wanted = own.find((address) => address.includes(':') === targets[i].includes(':'));
      if (seen !== wanted) wrong.push(`${targets[i]} sees ${seen || 'nothing'} of ${name}, not ${wanted}`);
    }
  };
  for (const pod of pods) {
    const hosts = lab.hosts.flatMap((host) => [...overlayOf(host), ...underlays(host)]);
    await expectSeen(pod.place, pod.name, [...pods.flatMap(({ addresses }) => addresses), ...hosts], pod.addresses);
  }
  for (const host of lab.hosts) {
    const beside = pods.filter(({ underlay }) => underlay).flatMap(({ addresses }) => addresses);
    await expectSeen(host, host.name, beside, underlays(host));
  }
  await expectSeen(lab.router, 'the router', pods[0].addresses, ['10.101.0.1', 'fd00:101::1']);
  t.same(wrong, [], 'everybody is seen under its own address');
  const [first] = pods;
  const { stdout: links } = await lab.exec(first.place, ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
  t.match(links, /mtu 1500 /, 'the MTU is the network’s');
  const { stdout: route } = await lab.exec(first.place, ['ip', 'route', 'get', '10.244.2.2']);
  t.match(route, /via 10\.101\.0\.11 .*mtu 14\d0/s, 'and towards the overlay what is left in it');
  const big = ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', '1472', '10.101.0.1'];
  t.equal((await lab.exec(first.place, big)).code, 0);

  const checked = await cni(lab, nodes[0], 'CHECK', first.container, { config: macvlan(1) });
  t.equal(checked.stdout, '');
  const audit = await podwire(lab, lab.hosts[0], 'ipam', 'check', '--socket', nodes[0].socket);
  t.equal(audit.code, 0, audit.stdout);
  await lab.exec(lab.hosts[0], ['nft', 'delete', 'table', 'netdev', 'podwire_macvlan']);
  t.match((await cni(lab, nodes[0], 'CHECK', first.container, { config: macvlan(1) })).json, {
    code: 103,
    msg: /forged/,
  });
  const mended = await podwire(lab, lab.hosts[0], 'ipam', 'check', '--repair', '--socket', nodes[0].socket);
  t.equal(mended.code, 0, mended.stdout);
  t.equal((await cni(lab, nodes[0], 'CHECK', first.container, { config: macvlan(1) })).stdout, '');

  for (const { container } of pods) {
    const node = nodes[lab.hosts.indexOf(container.host)];
    const gone = await cni(lab, node, 'DEL', container);
    t.equal(gone.code, 0, gone.stdout);
    const { stdout } = await lab.exec(container, ['ip', '-o', 'link']);
    t.notMatch(stdout, /eth0/);
  }
  for (const [i, host] of lab.hosts.entries()) {
    const left = (await traces(lab, host))
      .split('\n')
      .filter(
        (line) =>
          !before[i].includes(line) &&
          !/podwire-br|pwmv-eth0|table netdev podwire|^}|fe80|ff00|^unreachable/.test(line),
      );
    t.same(left, [], 'of the pods nothing is left');
    t.equal((await nodes[i].stop()).code, 0);
    t.notMatch(await traces(lab, host), /podwire|pwmv|10\.244|fd00:244/, 'and of podwire nothing');
  }
});

function overlayOf({ podCidr }: LabHost): string[] {
  return [podCidr[0].replace('/24', ''), podCidr[1].replace('::/64', '::2')];
}

t.test('what is refused, with the reason', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'macvlanno', hosts: 2, pods: 0, underlay: 46, sharedL2: true });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [pod] = await containers(lab, alpha, 'pod');
  const setUp = [
    'link add br0 type bridge',
    'link set br0 up',
    'link add port0 type veth peer name port1',
    'link set port0 master br0 up',
    'link add link eth0 name child type macvlan mode bridge',
    'link add idle type bridge',
  ];
  await lab.exec(alpha, ['ip', '-batch', '-'], { input: `${setUp.join('\n')}\n` });
  const before = await traces(lab, alpha);
  const refused = async (config: object, code: number, msg: RegExp) => {
    const { json, stdout } = await cni(lab, node, 'ADD', pod, { config: { ...macvlan(1), ...config } });
    t.match(json, { code, msg }, stdout);
  };
  await refused({ range: undefined }, 104, /range does not say/);
  await refused({ range: '192.0.2.0/28' }, 104, /no device of the node has an address/);
  await refused({ range: ['10.101.0.64/28', '10.101.0.80/28'] }, 104, /two ranges of one family/);
  await refused({ device: 'eth7' }, 104, /no device eth7/);
  await refused({ device: 'lo' }, 104, /lo cannot carry macvlan pods: it is the loopback device/);
  await refused({ device: 'podwire0' }, 104, /no Ethernet device.*bridge or ptp/);
  await refused({ device: 'child' }, 104, /it is a macvlan itself/);
  await refused({ device: 'port0' }, 104, /a port of the bridge br0; name br0/);
  await refused({ device: 'idle' }, 104, /it is down/);
  await refused({ device: 'br0' }, 104, /10\.101\.0\.64\/28 is not of a network of br0/);
  await refused({ gateway: '192.0.2.1' }, 104, /gateway: 192\.0\.2\.1 is not of a network/);
  const ports = { portMappings: [{ hostPort: 80, containerPort: 80 }] };
  await refused({ runtimeConfig: ports }, 104, /portMappings/);
  await refused({ runtimeConfig: { ips: ['10.101.0.11'] } }, 101, /10\.101\.0\.11/);
  await lab.exec(pod, ['ip', 'link', 'add', 'eth0', 'type', 'bridge']);
  await refused({}, 100, /File exists.*taken back/);
  const { stdout: kept } = await lab.exec(pod, ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
  t.match(kept, /eth0/, 'what others made in the pod stays');
  await lab.exec(pod, ['ip', 'link', 'del', 'eth0']);

  const inRouter = (...lines: string[]) => lab.exec(lab.router, ['sh', '-ec', lines.join('\n')]);
  for (const [address, dad] of [
    ['10.101.0.65/24', ''],
    ['fd00:101::1:1/64', 'nodad'],
  ]) {
    await inRouter(`ip address add ${address} dev lan ${dad}`);
    await refused({ runtimeConfig: { ips: [address] } }, 101, /is held by .* on this network.*taken back/);
    await inRouter(`ip address del ${address} dev lan`);
  }
  // Port security: one MAC a port.
  const { stdout: link } = await lab.exec(alpha, ['ip', '-json', 'link', 'show', 'dev', 'eth0']);
  const [{ address: mac }] = JSON.parse(link) as { address: string }[];
  await inRouter(
    'nft add table bridge security',
    "nft 'add chain bridge security in { type filter hook prerouting priority 0; }'",
    `nft add rule bridge security in iifname alpha ether saddr != ${mac} drop`,
  );
  await refused(
    {},
    104,
    /lets no further MAC through: (10\.101\.0\.1|fd00:101::1) answers the node and not.*bridge or ptp/,
  );
  await refused({ range: rangeOf(1)[1] }, 104, /no further MAC.*fd00:101::1 answers/);
  const { stdout: none } = await lab.exec(pod, ['ip', '-o', 'link']);
  t.notMatch(none, /eth0/);
  const left = (await traces(lab, alpha))
    .split('\n')
    .filter((line) => !before.includes(line) && !/pwmv-eth0|^unreachable/.test(line));
  t.same(left, [], 'what failed leaves nothing');
  await inRouter('ip address flush dev lan');
  t.equal(
    (await cni(lab, node, 'ADD', pod, { config: macvlan(1) })).code,
    0,
    'where no gateway answers anybody it is let pass',
  );
  const { stdout: events } = await podwire(lab, alpha, 'events', '--socket', node.socket);
  t.match(events, /macvlan-unproven/, 'and told');
});

t.test('a macvlan pod does not send under an address that is not its own', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'macvlanspoof', hosts: 1, pods: 0, underlay: 46, sharedL2: true });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  const node = await lab.startPodwire(alpha);
  const [bad, good] = await containers(lab, alpha, 'bad', 'good');
  const { addresses } = await attach(lab, node, bad, { config: macvlan(1) });
  const { addresses: beside } = await attach(lab, node, good, { config: macvlan(1) });
  await Promise.all([good, alpha, lab.router].map((place) => startEcho(lab, place)));
  const targets = ['10.101.0.1', 'fd00:101::1', alpha.uplinks[0].underlay, alpha.uplinks[1].underlay, ...beside];
  const seen = async () => (await ask(lab, bad, targets)).map((answer) => answer.seen);
  const asItself = targets.map((target) => addresses[target.includes(':') ? 1 : 0]);
  const nobody = targets.map(() => '');
  t.same(await seen(), asItself, 'as itself it is heard');
  const inBad = (...lines: string[]) => lab.exec(bad, ['sh', '-ec', lines.join('\n')]);
  const forged = ['10.101.0.77', 'fd00:101::77'];
  await inBad(
    ...forged.map((address) => `ip address add ${address}/${address.includes(':') ? '128 nodad' : 32} dev eth0`),
    ...targets.map((target) => `ip route replace ${target} dev eth0 src ${forged[target.includes(':') ? 1 : 0]}`),
  );
  t.same(await seen(), nobody, 'under another address it is not');
  await inBad(
    ...targets.map((target) => `ip route del ${target}`),
    ...forged.map((address) => `ip address del ${address}/${address.includes(':') ? 128 : 32} dev eth0`),
  );
  t.same(await seen(), asItself, 'as itself again');
  // The network believes nothing that it says about others.
  const others = () =>
    lab.exec(lab.router, ['sh', '-c', 'ip neigh show to 10.101.0.77; ip -6 neigh show to fd00:101::77']);
  const notify = forged.map((address) => `ip address add ${address}/${address.includes(':') ? 64 : 24} dev eth0`);
  await inBad(...notify, 'ip link set eth0 down', 'ip link set eth0 up');
  await lab.exec(lab.router, ['sh', '-c', forged.map((one) => `ping -c1 -W1 ${one}`).join(';')]);
  t.notMatch((await others()).stdout, /lladdr/, 'nor does ARP or ND answer for it');
  await inBad('ip link set eth0 down', 'ip link set eth0 address 02:00:00:00:00:77', 'ip link set eth0 up');
  const [four, six, own4, own6] = await seen();
  t.same([four, six, own4, own6], ['', '', '', ''], 'under another MAC it reaches neither network nor node');
});

t.test('addresses and pods over kills, and who knew a former pod', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'macvlanlife', hosts: 1, pods: 0, underlay: 46, sharedL2: true });
  t.teardown(() => lab.destroy());
  const [alpha] = lab.hosts;
  let node = await lab.startPodwire(alpha);
  const [one, two, three] = await containers(lab, alpha, 'one', 'two', 'three');
  const [four, six] = rangeOf(1);
  const ips = [four.replace('/28', ''), six.replace('/124', '')];
  const reached = async () => (await ask(lab, lab.router, ips)).map(({ seen }) => seen);
  const asked = ['10.101.0.1', 'fd00:101::1'];
  const withMac = (mac: string) => ({ ...macvlan(1), runtimeConfig: { ips, mac } });
  await attach(lab, node, one, { config: withMac('02:00:00:00:00:01') });
  await startEcho(lab, one);
  t.same(await reached(), asked);
  const kill = async () => {
    const died = new Promise((resolve) => node.process.once('close', resolve));
    node.process.kill('SIGKILL');
    await died;
  };
  await kill();
  t.same(await reached(), asked, 'a pod outlives its agent');
  node = await lab.startPodwire(alpha);
  t.same(await reached(), asked);
  t.match((await cni(lab, node, 'ADD', two, { config: withMac('02:00:00:00:00:02') })).json, { code: 101 }, 'held');
  t.equal((await cni(lab, node, 'CHECK', one, { config: macvlan(1) })).stdout, '');
  t.equal((await cni(lab, node, 'DEL', one)).code, 0);
  // The router remembers the former pod's MAC, and is told of the new one.
  await attach(lab, node, two, { config: withMac('02:00:00:00:00:02') });
  const { stdout: known } = await lab.exec(lab.router, [
    'sh',
    '-c',
    `ip neigh show to ${ips[0]}; ip -6 neigh show to ${ips[1]}`,
  ]);
  t.equal(known.match(/lladdr 02:00:00:00:00:02/g)?.length, 2, known);
  await startEcho(lab, two);
  t.same(await reached(), asked);
  // Killed in the middle of ADDs: what is half made is taken back.
  const adding = cni(lab, node, 'ADD', three, { config: macvlan(1) });
  const half = async () => /eth0|pw/.test((await lab.exec(three, ['ip', '-o', 'link'])).stdout);
  while (!(await half())) await delay(5);
  await kill();
  await adding;
  node = await lab.startPodwire(alpha);
  const { stdout: links } = await lab.exec(three, ['ip', '-o', 'link']);
  t.notMatch(links, /eth0|pw/);
  t.equal((await cni(lab, node, 'ADD', three, { config: macvlan(1) })).code, 0);
  const audit = await podwire(lab, alpha, 'ipam', 'check', '--socket', node.socket);
  t.equal(audit.code, 0, audit.stdout);
  const collected = await cni(lab, node, 'GC', two, {
    config: { cniVersion: '1.1.0', 'cni.dev/valid-attachments': [], range: [] },
  });
  t.equal(collected.code, 0, collected.stdout);
  t.match(await traces(lab, alpha), /pwmv-eth0/);
  t.notMatch(await traces(lab, alpha), /podwire_macvlan|10\.101\.0\.64|8473/, 'GC leaves only what pods share');
  t.equal((await node.stop()).code, 0);
  t.notMatch(await traces(lab, alpha), /pwmv/);
});
