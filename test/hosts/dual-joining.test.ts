/** How a node finds its underlay addresses, by nodes to join of either family and by names, with the real binary. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig } from '../../src/lab/podwire.js';
import { ask } from './cli.js';
import { members, path, silent, startGossiping, state, until, uplink } from './gossiping.js';
import { labSkip, needs } from './lab.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const skip = labSkip() || needs('ping', 'iputils-ping');

t.test('a seed that is reached over one family only', { skip: skip || needs('nft', 'nftables') }, async (t) => {
  const lab = await Lab.create({ name: 'seeds', hosts: 3, pods: 0, underlay: 46 });
  t.teardown(() => lab.destroy());
  const [alphaHost, bravoHost, charlieHost] = lab.hosts;
  const [alpha, bravo] = [await startGossiping(lab, alphaHost), await startGossiping(lab, bravoHost)];
  // The router drops IPv4 from charlie: only the seed that is named by its IPv6 address answers.
  const rule = `add table inet block; add chain inet block in { type filter hook forward priority 0; }; add rule inet block in ip saddr ${uplink(charlieHost, 4)} drop`;
  t.equal((await lab.exec(lab.router, ['nft', rule])).code, 0);
  const charlie = await startGossiping(lab, charlieHost, {
    underlay: undefined,
    join: [uplink(alphaHost, 4), uplink(bravoHost, 6)],
  });
  t.strictSame(
    (await ask<NodeStatus>(lab, charlie, 'status')).underlays,
    [uplink(charlieHost, 6)],
    'what joined is told',
  );
  await until('alpha knows', async () => (await members(lab, alpha)).length === 3);
  await until('traffic flows', async () => {
    return (
      (
        await silent(lab, [
          [charlie, alpha],
          [bravo, charlie],
        ])
      ).length === 0
    );
  });
  t.equal((await lab.exec(lab.router, ['nft', 'delete table inet block'])).code, 0);
  await until(
    'IPv4 is found when it carries',
    async () => (await ask<NodeStatus>(lab, charlie, 'status')).underlays.length === 2,
    30_000,
  );
  await until('and used', async () => (await path(lab, alpha, charlie))?.underlay.includes('.') ?? false);
  await until(
    'traffic flows',
    async () =>
      (
        await silent(lab, [
          [charlie, alpha],
          [bravo, charlie],
        ])
      ).length === 0,
  );
});

t.test('joining by name', { skip: skip || needs('unshare', 'util-linux') }, async (t) => {
  const lab = await Lab.create({ name: 'names', hosts: 2, pods: 0, underlay: [6, 46] });
  t.teardown(() => lab.destroy());
  const [alphaHost, bravoHost] = lab.hosts;
  const alpha = await startGossiping(lab, alphaHost);
  // A node with an /etc/hosts of its own: one of the name's addresses is nobody's.
  const hosts = join(lab.directory, 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n');
  const own = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];
  const starting = lab.startPodwire(bravoHost, {
    command: [...own, process.execPath, CLI],
    config: { ...gossipConfig(lab, bravoHost), underlay: undefined, join: 'seed.podwire.invalid' },
    timeoutMs: 30_000,
  });
  await delay(3_000);
  writeFileSync(hosts, `10.101.9.9 seed.podwire.invalid\n${alphaHost.underlay} seed.podwire.invalid\n`);
  const bravo = await starting;
  t.match(bravo.log(), /seed\.podwire\.invalid cannot be looked up/, 'a name that leads nowhere is told');
  t.equal(await state(lab, bravo, 'alpha'), 'alive', 'and looked up again until it leads somewhere');
  t.strictSame((await ask<NodeStatus>(lab, bravo, 'status')).underlays, [uplink(bravoHost, 6)]);
  for (const node of [alpha, bravo]) t.equal((await node.stop()).code, 0, node.log());
});
