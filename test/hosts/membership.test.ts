/** Nodes that find each other: the real binary, joining by gossip, each with a subnet of its own that nobody gave it. */
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { IpamStatus, KeyStatus, NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig, type RunningPodwire } from '../../src/lab/podwire.js';
import { ping } from '../../src/lab/tools.js';
import { ask, kernelState, peers, podwire } from './cli.js';
import { members, ownAddress, startGossiping, state, until } from './gossiping.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping');

for (const underlay of [4, 6] as const) {
  t.test(`three nodes find each other, underlay IPv${underlay}`, { skip }, async (t) => {
    const lab = await Lab.create({ name: `meet${underlay}`, hosts: 3, pods: 0, underlay });
    t.teardown(() => lab.destroy());
    const clean = await kernelState(lab, lab.hosts[1]);
    const alpha = await startGossiping(lab, lab.hosts[0]);
    const [bravo, charlie] = await Promise.all(lab.hosts.slice(1).map((host) => startGossiping(lab, host)));
    const nodes = [alpha, bravo, charlie];

    await t.test('each has a subnet of its own, and packets flow', async (t) => {
      const subnets = await Promise.all(nodes.map((node) => ask<NodeStatus>(lab, node, 'status')));
      t.equal(
        new Set(subnets.map(({ podCidr }) => podCidr.join())).size,
        3,
        subnets.map(({ podCidr }) => podCidr.join()).join('; '),
      );
      for (const from of nodes) {
        for (const to of nodes) {
          if (from === to) continue;
          for (const family of [4, 6] as const) {
            const address = await ownAddress(lab, to, family);
            await until(
              `${from.host.name} reaches ${to.host.name} at ${address}`,
              async () => (await ping(lab, from.host, address)) !== undefined,
            );
          }
        }
      }
      t.pass('every node reaches every other, over both families');
    });

    await t.test('all agree about all', async (t) => {
      for (const node of nodes) {
        const seen = await members(lab, node);
        t.match(
          seen.map(({ node: name, state: is, self }) => ({ name, is, self })),
          ['alpha', 'bravo', 'charlie'].map((name) => ({ name, is: 'alive', self: name === node.host.name })),
        );
      }
      const { owners, own, used, free, total, kept } = await ask<IpamStatus>(lab, bravo, 'ipam');
      t.equal(owners.length, 3);
      t.equal(used + free + kept, total);
      t.equal(own.length, 2);
    });

    await t.test('the path of the data is probed', async (t) => {
      await until('paths are up', async () => (await peers(lab, alpha)).every(({ data }) => data?.state === 'up'));
      t.ok((await peers(lab, alpha)).every(({ data }) => (data?.rttMs ?? 0) > 0));
    });

    if (underlay === 4) {
      await t.test('a node that is killed is dead to all, and keeps its subnet', async (t) => {
        const before = await ownAddress(lab, charlie, 4);
        charlie.process.kill('SIGKILL');
        await until(
          'charlie is dead to all',
          async () => {
            const states = await Promise.all([alpha, bravo].map((node) => state(lab, node, 'charlie')));
            return states.every((is) => is === 'dead');
          },
          30_000,
        );
        const { stdout } = await lab
          .exec(alpha.host, ['ping', '-c', '1', '-W', '2', before])
          .catch(() => ({ stdout: '' }));
        t.match(stdout, /Unreachable/i, 'its traffic is answered, not swallowed');
        const again = await startGossiping(lab, lab.hosts[2]);
        t.equal(await ownAddress(lab, again, 4), before, 'the same subnet');
        await until('alpha reaches it again', async () => (await ping(lab, alpha.host, before)) !== undefined);
        t.equal(await state(lab, alpha, 'charlie'), 'alive');
        nodes[2] = again;
      });

      await t.test('8472 blocked is said in words', async (t) => {
        const rule =
          'add table inet block; add chain inet block in { type filter hook input priority 0; }; add rule inet block in udp dport 8472 drop';
        await lab.exec(bravo.host, ['nft', rule]);
        await until('alpha says so', async () => {
          const path = (await peers(lab, alpha)).find(({ node }) => node === 'bravo')?.data;
          return path?.state === 'down' && /8472/.test(path.words ?? '');
        });
        t.equal(await state(lab, alpha, 'bravo'), 'alive', 'and gossip is up');
        await lab.exec(bravo.host, ['nft', 'delete table inet block']);
        await until(
          'it is up again',
          async () => (await peers(lab, alpha)).find(({ node }) => node === 'bravo')?.data?.state === 'up',
        );
      });
    }

    await t.test('leaving', async (t) => {
      const { code } = await podwire(lab, bravo.host, 'leave', '--socket', bravo.socket);
      t.equal(code, 0);
      await until('bravo has left', async () => (await state(lab, alpha, 'bravo')) === 'left', 5_000);
      t.equal(await kernelState(lab, bravo.host), clean, 'nothing is left of it');
      const { ms, code: stopped } = await nodes[2].stop();
      t.equal(stopped, 0);
      t.ok(ms < 2_000, `SIGTERM took ${ms.toFixed(0)} ms`);
      await until('charlie has left', async () => (await state(lab, alpha, 'charlie')) === 'left', 5_000);
    });
  });
}

t.test('a founder that is killed soon finds the others again', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'founder', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  const [first, second] = lab.hosts;
  const founder = await startGossiping(lab, first);
  await startGossiping(lab, second);
  await until('the founder sees the other', async () => (await state(lab, founder, second.name)) === 'alive');
  const file = join(lab.directory, first.name, 'state', 'peers');
  const written = () => existsSync(file) && readFileSync(file, 'utf8').includes(second.underlay);
  await until('it has written down where the other is', async () => written(), 5_000);

  const ended = once(founder.process, 'close');
  founder.process.kill('SIGKILL');
  await ended;
  const again = await startGossiping(lab, first);
  await until('it is no longer alone', async () => (await state(lab, again, second.name)) === 'alive', 5_000);
});

t.test('keys change while the cluster runs', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'keys', hosts: 2, pods: 0 });
  t.teardown(() => lab.destroy());
  gossipConfig(lab, lab.hosts[0]);
  const files = lab.hosts.map((host) => {
    const file = join(lab.directory, `${host.name}.key`);
    copyFileSync(join(lab.directory, 'key'), file);
    return file;
  });
  const nodes: RunningPodwire[] = [];
  for (const [i, host] of lab.hosts.entries())
    nodes.push(await startGossiping(lab, host, { gossip: { keyFile: files[i] } }));
  const key = (node: RunningPodwire, ...args: string[]) =>
    podwire(lab, node.host, 'key', ...args, '--socket', node.socket);
  const list = (node: RunningPodwire) => ask<KeyStatus[]>(lab, node, 'key list');

  const fresh = (await podwire(lab, lab.hosts[0], 'key', 'new')).stdout.trim();
  t.match(fresh, /^[A-Za-z0-9+/]{43}=$/);
  t.equal((await key(nodes[0], 'add', fresh)).code, 0);
  const added = (await list(nodes[0])).find(({ sealing }) => !sealing);
  const old = (await list(nodes[0])).find(({ sealing }) => sealing);
  if (!added || !old) throw new Error('two keys');
  const early = await key(nodes[0], 'use', added.id);
  t.equal(early.code, 1);
  t.match(early.stderr, /bravo would not understand .*nothing was changed/, 'refused until bravo has it');
  t.equal((await key(nodes[1], 'add', fresh)).code, 0);
  await until('alpha may use it', async () => (await key(nodes[0], 'use', added.id)).code === 0);
  await until(
    'both know',
    async () => (await list(nodes[1])).find(({ id }) => id === added.id)?.sealers.includes('alpha') ?? false,
  );
  t.match((await key(nodes[0], 'remove', old.id)).stderr, /bravo still seals/);
  t.equal((await key(nodes[1], 'use', added.id)).code, 0);
  await until('alpha may remove the old one', async () => (await key(nodes[0], 'remove', old.id)).code === 0);
  await until('bravo too', async () => (await key(nodes[1], 'remove', old.id)).code === 0);
  for (const file of files) t.equal(readFileSync(file, 'utf8'), `${fresh}\n`, 'the file holds the new key alone');
  await delay(3_000);
  t.equal(await state(lab, nodes[0], 'bravo'), 'alive');
  for (const node of nodes) t.equal((await node.stop()).code, 0);
});

t.test('strangers and impostors', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'strangers', hosts: 3, pods: 0 });
  t.teardown(() => lab.destroy());
  const alpha = await startGossiping(lab, lab.hosts[0]);
  const bravo = await startGossiping(lab, lab.hosts[1]);

  const otherKey = join(lab.directory, 'other');
  writeFileSync(otherKey, (await podwire(lab, lab.hosts[0], 'key', 'new')).stdout, { mode: 0o600 });
  await t.rejects(
    lab.startPodwire(lab.hosts[2], {
      config: { ...gossipConfig(lab, lab.hosts[2]), gossip: { keyFile: otherKey } },
      timeoutMs: 8_000,
    }),
    { message: /no node lets us in yet/ },
    'another key does not admit',
  );
  await t.rejects(startGossiping(lab, lab.hosts[2], { node: 'bravo' }), { message: /bravo/ }, 'the name is taken');
  const taken = (await ask<NodeStatus>(lab, bravo, 'status')).podCidr;
  await t.rejects(startGossiping(lab, lab.hosts[2], { podCidr: taken }), { message: /overlaps the subnet of bravo/ });
  const { stdout } = await podwire(lab, alpha.host, 'events', '--json', '--socket', alpha.socket);
  t.match(stdout, /"kind":"conflict".*bravo/, 'and alpha tells of it');
  t.equal(await state(lab, alpha, 'bravo'), 'alive');
  t.equal((await members(lab, alpha)).length, 2);
  t.strictSame((await ask<NodeStatus>(lab, bravo, 'status')).podCidr, taken);
});
