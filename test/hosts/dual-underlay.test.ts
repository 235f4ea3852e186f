/** Nodes with underlay addresses of IPv4, of IPv6 and of both, with the real binary. */
import t from 'tap';
import type { NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import type { LabHost, Place } from '../../src/lab/plan.js';
import { ping, transfer } from '../../src/lab/tools.js';
import { ask, counters, kernelState, peers, podwire } from './cli.js';
import { members, ownAddress, path, silent, startGossiping, state, until, uplink } from './gossiping.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping');

async function ip(lab: Lab, where: Place, ...args: string[]): Promise<void> {
  const { code, stderr } = await lab.exec(where, ['ip', ...args]);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

t.test('an IPv4 node, an IPv6 node and one of both', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'mixed', hosts: 3, pods: 0, underlay: [46, 4, 6] });
  t.teardown(() => lab.destroy());
  const clean = await Promise.all(lab.hosts.map((host) => kernelState(lab, host)));
  const both = await startGossiping(lab, lab.hosts[0]);
  const [four, six] = await Promise.all(lab.hosts.slice(1).map((host) => startGossiping(lab, host)));
  const nodes = [both, four, six];

  await until('all know all', async () => {
    const seen = await Promise.all(nodes.map((node) => members(lab, node)));
    return seen.every((list) => list.length === 3 && list.every(({ podCidr }) => podCidr.length === 2));
  });
  const pairs = [
    [both, four],
    [four, both],
    [both, six],
    [six, both],
  ] as const;
  await until('the one of both carries traffic with either', async () => (await silent(lab, pairs)).length === 0);
  const seen = (await members(lab, four)).find(({ node }) => node === 'alpha');
  t.strictSame(seen?.underlays, [uplink(both.host, 4), uplink(both.host, 6)]);
  t.match(await Promise.all(nodes.map((node) => ask<NodeStatus>(lab, node, 'status'))), [
    { mtu: 1430, underlays: [uplink(both.host, 4), uplink(both.host, 6)] },
    { mtu: 1450 },
    { mtu: 1430 },
  ]);

  const words = 'no common underlay family with charlie: this node has IPv4, charlie has IPv6';
  await until('the pair without a common family is said in words', async () => {
    return (await path(lab, four, six))?.data?.words === words;
  });
  t.match((await members(lab, four)).find(({ node }) => node === 'charlie')?.data, { state: 'down', words });
  t.match((await podwire(lab, four.host, 'members', '--socket', four.socket)).stdout, words);
  t.match((await podwire(lab, six.host, 'peers', '--socket', six.socket)).stdout, /bravo +10\.101\.2\.2 .* down/);
  for (const family of [4, 6] as const) {
    const address = await ownAddress(lab, six, family);
    const { stdout } = await lab
      .exec(four.host, ['ping', '-n', '-c', '1', '-W', '2', address])
      .catch(() => ({ stdout: '' }));
    t.match(stdout, /[Uu]nreachable|No route/, `and its IPv${family} traffic is answered`);
  }
  await until('the paths that are there are up', async () => {
    const found = await Promise.all(pairs.map(([from, to]) => path(lab, from, to)));
    return found.every((peer) => peer?.data?.state === 'up');
  });
  const kept = await Promise.all(nodes.flatMap((node) => nodes.map((other) => state(lab, node, other.host.name))));
  t.ok(
    kept.every((is) => is === 'alive'),
    kept.join(),
  );

  six.process.kill('SIGKILL');
  await until('the dead are found through helpers', async () => (await state(lab, four, 'charlie')) === 'dead', 40_000);
  for (const node of [four, both]) t.equal((await node.stop()).code, 0, node.log());
  t.same(await Promise.all(lab.hosts.slice(0, 2).map((host) => kernelState(lab, host))), clean.slice(0, 2));
});

t.test('a cluster of nodes of both families', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'both', hosts: 3, underlay: 46, filter: false });
  t.teardown(() => lab.destroy());
  const start = (host: LabHost, config = {}) => startGossiping(lab, host, { podCidr: host.podCidr, ...config });
  const alpha = await start(lab.hosts[0]);
  const [bravo, charlie] = await Promise.all([start(lab.hosts[1]), start(lab.hosts[2], { underlay: undefined })]);
  const nodes = [alpha, bravo, charlie];
  const all = nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => [from, to] as const));
  t.strictSame(
    (await ask<NodeStatus>(lab, charlie, 'status')).underlays,
    [uplink(charlie.host, 4), uplink(charlie.host, 6)],
    'both are found, by the ways to the seed',
  );
  await until('all reach all', async () => (await silent(lab, all)).length === 0);
  t.ok(
    (await Promise.all(all.map(([from, to]) => path(lab, from, to)))).every((peer) => peer?.underlay.includes('.')),
    'over IPv4',
  );

  await t.test('a link that loses its IPv4 address goes on over IPv6', async (t) => {
    const [before] = await Promise.all([ask<NodeStatus>(lab, charlie, 'status')]);
    const own = `${uplink(charlie.host, 4)}/24`;
    await ip(lab, charlie.host, 'address', 'del', own, 'dev', 'eth0');
    const lost = performance.now();
    await until('the others are told', async () => {
      const seen = (await members(lab, alpha)).find(({ node }) => node === 'charlie');
      return seen?.underlays.join() === uplink(charlie.host, 6);
    });
    await until('and traffic flows', async () => (await silent(lab, all)).length === 0);
    t.comment(`${Math.round(performance.now() - lost)} ms from the loss to traffic`);
    const after = await ask<NodeStatus>(lab, charlie, 'status');
    t.strictSame(after.podCidr, before.podCidr);
    t.strictSame(after.underlays, [uplink(charlie.host, 6)]);
    t.equal(await state(lab, alpha, 'charlie'), 'alive');
    t.equal((await path(lab, alpha, charlie))?.underlay, uplink(charlie.host, 6));
    t.equal((await path(lab, alpha, bravo))?.underlay, uplink(bravo.host, 4), 'the other pair stays where it was');

    await ip(lab, charlie.host, 'address', 'add', own, 'dev', 'eth0');
    await ip(lab, charlie.host, 'route', 'replace', 'default', 'via', charlie.host.router);
    await until('it has both again', async () => {
      const seen = (await members(lab, alpha)).find(({ node }) => node === 'charlie');
      return seen?.underlays.length === 2;
    });
    await until(
      'and is reached over IPv4',
      async () => (await path(lab, alpha, charlie))?.underlay.includes('.') ?? false,
    );
    await until('traffic flows', async () => (await silent(lab, all)).length === 0);
  });

  await t.test('one that changes its IPv6 address is followed', async (t) => {
    const next = uplink(charlie.host, 6).replace(/::2$/, '::9');
    await ip(lab, charlie.host, 'address', 'add', `${next}/64`, 'dev', 'eth0', 'nodad');
    await ip(lab, charlie.host, 'address', 'del', `${uplink(charlie.host, 6)}/64`, 'dev', 'eth0');
    await until('the others are told', async () => {
      const seen = (await members(lab, alpha)).find(({ node }) => node === 'charlie');
      return seen?.underlays.includes(next) ?? false;
    });
    await until('traffic flows', async () => (await silent(lab, all)).length === 0);
    t.equal(await state(lab, alpha, 'charlie'), 'alive');
  });

  await t.test('bulk traffic, and what the sockets count', async (t) => {
    const before = await counters(lab, alpha);
    for (const family of [4, 6] as const) {
      t.ok((await transfer(lab, alpha.host.pods[0], charlie.host.pods[0], family, 200))?.intact);
    }
    const { rx_unknown_sender, tx_refused } = await counters(lab, alpha);
    t.equal(rx_unknown_sender, before.rx_unknown_sender);
    t.equal(tx_refused, before.tx_refused);
  });
  for (const node of nodes) t.equal((await node.stop()).code, 0, node.log());
});

t.test(
  'a family that does not carry between two nodes is left for the other',
  { skip: skip || needs('nft', 'nftables') },
  async (t) => {
    const lab = await Lab.create({ name: 'detour', hosts: 2, pods: 0, underlay: 46 });
    t.teardown(() => lab.destroy());
    const alpha = await startGossiping(lab, lab.hosts[0]);
    const bravo = await startGossiping(lab, lab.hosts[1]);
    const both = [
      [alpha, bravo],
      [bravo, alpha],
    ] as const;
    await until('paths are up', async () =>
      (await Promise.all(both.map(([from, to]) => path(lab, from, to)))).every((peer) => peer?.data?.state === 'up'),
    );
    const over = async (mark: string) => {
      const found = await Promise.all(both.map(([from, to]) => path(lab, from, to)));
      return found.every((peer) => peer?.data?.state === 'up' && peer.underlay.includes(mark));
    };
    t.ok(await over('.'), 'IPv4 first');

    // All of IPv4 between them, gossip too: their addresses are still theirs.
    const rule = 'add table ip block; add chain ip block in { type filter hook forward priority 0; policy drop; }';
    t.equal((await lab.exec(lab.router, ['nft', rule])).code, 0);
    const started = performance.now();
    await until('traffic takes IPv6', () => over(':'), 40_000);
    t.comment(`${Math.round(performance.now() - started)} ms until it does`);
    t.strictSame(await silent(lab, both), []);
    t.match(
      (await path(lab, alpha, bravo))?.data?.detour,
      /^bravo does not answer over IPv4, its traffic goes over IPv6$/,
    );
    t.match(
      (await podwire(lab, alpha.host, 'members', '--socket', alpha.socket)).stdout,
      /! bravo does not answer over IPv4/,
    );
    t.equal(await state(lab, alpha, 'bravo'), 'alive', 'and gossip as well');

    t.equal((await lab.exec(lab.router, ['nft', 'delete table ip block'])).code, 0);
    await until('IPv4 again', () => over('.'));
    t.equal((await path(lab, alpha, bravo))?.data?.detour, undefined);
    t.strictSame(await silent(lab, both), []);
    for (const node of [alpha, bravo]) t.equal((await node.stop()).code, 0, node.log());
  },
);

t.test('peers of the configuration with two addresses', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'fixed', hosts: 3, underlay: [46, 46, 6] });
  t.teardown(() => lab.destroy());
  const nodes = await Promise.all(lab.hosts.map((host) => lab.startPodwire(host)));
  const pods = lab.hosts.map((host) => host.pods[0]);
  for (const from of pods) {
    for (const to of pods.filter((pod) => pod !== from)) {
      for (const address of to.addresses) t.ok(await ping(lab, from, address), `${from.name} -> ${address}`);
    }
  }
  t.strictSame(
    (await peers(lab, nodes[0])).map(({ node, underlay }) => [node, underlay]),
    [
      ['bravo', uplink(lab.hosts[1], 4)],
      ['charlie', uplink(lab.hosts[2], 6)],
    ],
    'each over a family that both have',
  );
  const { stdout } = await podwire(lab, lab.hosts[0], 'routes', '--socket', nodes[0].socket);
  for (const { underlay } of lab.hosts[1].uplinks) t.match(stdout, underlay, 'frames may come from either');
  t.ok((await transfer(lab, pods[0], pods[2], 4, 100))?.intact);
  t.ok((await transfer(lab, pods[0], pods[1], 6, 100))?.intact);
  for (const node of nodes) t.equal((await node.stop()).code, 0, node.log());
});
