/** With the addon and without it: the same calls on a real device, and nodes of both kinds in one cluster. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import { ping, transfer } from '../../src/lab/tools.js';
import { both } from '../unit/os/both-system-calls.js';
import { ask, podwire } from './cli.js';
import { koffiSkip, labSkip, needs } from './lab.js';
import type { TunReport } from './tun-calls-child.js';

const CHILD = fileURLToPath(new URL('./tun-calls-child.js', import.meta.url));
const skip = labSkip() || both[0].skip || koffiSkip() || needs('ping', 'iputils-ping');

t.test('a device by the addon and by koffi', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'tuncalls', hosts: 1, pods: 0 });
  t.teardown(() => lab.destroy());
  const report = async (name: string) => {
    const { stdout, stderr } = await lab.exec(lab.hosts[0], [process.execPath, CHILD, name]);
    t.equal(stderr, '', name);
    return JSON.parse(stdout) as TunReport;
  };
  const addon = await report('addon');
  t.match(addon, {
    exclusive: 'EBUSY TUNSETIFF',
    foreign: 'EINVAL TUNSETIFF',
    offloads: { all: Number, none: 0, senseless: 22 },
    readWhileDown: 0,
    written: 2,
    statuses: [0, 22, 0, 0, 0, 90],
    gone: 'EBADFD read from the device',
  });
  t.equal(addon.answers.length, 2, 'both echoes are answered, the one in three slices too');
  t.match(addon.answers[0], /^0{20}45/, 'behind an empty virtio header');
  t.same(await report('koffi'), addon);
});

t.test('a node with the addon and one without it', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'mixed', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const [withAddon, without] = await Promise.all([
    lab.startPodwire(alpha, { env: { PODWIRE_NATIVE: 'on' } }),
    lab.startPodwire(bravo, { env: { PODWIRE_NATIVE: 'off' } }),
  ]);
  t.equal(withAddon.log().trim().split('\n').length, 1, 'nothing to say but ready');
  t.match(without.log(), /"level":"warn".*switched off by PODWIRE_NATIVE=off: koffi .*slower; unset PODWIRE_NATIVE/);
  t.equal(without.log().trim().split('\n').length, 2, 'one line says that it is slower');
  t.equal((await ask<NodeStatus>(lab, withAddon, 'status')).native, 'addon');
  t.equal((await ask<NodeStatus>(lab, without, 'status')).native, 'off');
  t.match((await podwire(lab, bravo, 'status', '--socket', without.socket)).stdout, /TypeScript; koffi does input/);

  const [from] = alpha.pods;
  const [to] = bravo.pods;
  for (const address of to.addresses) t.ok(await ping(lab, from, address), `ping ${address}`);
  for (const [a, b] of [
    [from, to],
    [to, from],
  ]) {
    for (const family of [4, 6] as const) {
      const result = await transfer(lab, a, b, family, 300);
      t.ok(result?.intact, `TCP over IPv${family} from ${a.name} arrives whole`);
    }
  }
  for (const node of [withAddon, without]) t.equal((await node.stop()).code, 0, node.log());
});
