/** Offloads with the real binary: honest and lying kernels, every switch off; traffic crosses whole in each case. */
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { NodeStatus } from '../../src/control/node-api.js';
import { Lab } from '../../src/lab/lab.js';
import type { RunningPodwire } from '../../src/lab/podwire.js';
import { hasProgram, ping, transfer } from '../../src/lab/tools.js';
import { LIES } from '../unit/os/lies.js';
import { ask } from './cli.js';
import { labSkip, needs } from './lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping');
const LYING_ADDON = fileURLToPath(new URL('./lying-addon.cjs', import.meta.url));
const OFF = { checksum: 'off', tso: 'off', uso: 'off', udpSegment: 'off', udpGro: 'off' };

/** What does not cross between the pods of two hosts, in words. */
async function lost(lab: Lab): Promise<string[]> {
  const [from, to] = lab.hosts.map(({ pods }) => pods[0]);
  const silent: string[] = [];
  await Promise.all(
    to.addresses.map(async (address) => {
      if ((await ping(lab, from, address)) === undefined) silent.push(`ping ${address}`);
      const big = await lab.exec(from, ['ping', '-n', '-c', '1', '-W', '1', '-s', '20000', address]);
      if (big.code !== 0) silent.push(`fragments to ${address}`);
    }),
  );
  for (const family of [4, 6] as const) {
    if (!(await transfer(lab, from, to, family, 200))?.intact) silent.push(`TCP to ${to.name}, IPv${family}`);
    if (!(await transfer(lab, to, from, family, 200))?.intact) silent.push(`TCP to ${from.name}, IPv${family}`);
  }
  return silent;
}

t.test('an honest kernel, and every switch off', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'switches', hosts: 2 });
  t.teardown(() => lab.destroy());
  const [alpha, bravo] = lab.hosts;
  const start = performance.now();
  const first = await lab.startPodwire(alpha);
  t.comment(`ready after ${Math.round(performance.now() - start)} ms`);
  const { offloads } = await ask<NodeStatus>(lab, first, 'status');
  t.match(offloads, [{ offload: 'checksum', state: 'on' }, { state: /on|not-offered/ }, {}, { state: 'on' }, {}]);
  t.strictSame(
    offloads.filter(({ state }) => state === 'broken' || state === 'untested'),
    [],
  );
  t.notMatch(first.log(), /breaks/);
  await first.stop();

  const nodes = await Promise.all([alpha, bravo].map((host) => lab.startPodwire(host, { config: { offload: OFF } })));
  for (const node of nodes) {
    const status = await ask<NodeStatus>(lab, node, 'status');
    for (const offload of status.offloads) t.match(offload, { used: false, state: 'off', reason: 'configured' });
  }
  t.strictSame(await lost(lab), []);
  const features = hasProgram('ethtool') && (await lab.exec(alpha, ['ethtool', '-k', 'podwire0']));
  if (features) t.match(features.stdout, /tcp-segmentation-offload: off/);
});

t.test('each lie of a kernel is found, told, and does no harm', { skip }, async (t) => {
  const lab = await Lab.create({ name: 'lies', hosts: 2 });
  t.teardown(() => lab.destroy());
  const names = Object.keys(LIES);
  // Two at a time: one kernel's fallback meets the other's.
  for (let i = 0; i < names.length; i += 2) {
    const lies = [names[i], names[i + 1] ?? names[0]];
    const nodes = await Promise.all(
      lab.hosts.map((host, which) =>
        lab.startPodwire(host, { env: { PODWIRE_NATIVE: 'on', PODWIRE_ADDON: LYING_ADDON, PODWIRE_LIE: lies[which] } }),
      ),
    );
    await Promise.all(nodes.map((node, which) => isFound(t, lab, node, lies[which])));
    t.strictSame(await lost(lab), [], `${lies.join(' and ')}: all traffic crosses`);
    for (const code of await Promise.all(nodes.map(async (node) => (await node.stop()).code))) t.equal(code, 0);
  }
});

async function isFound(t: Test, lab: Lab, node: RunningPodwire, lie: string): Promise<void> {
  const { breaks, found, reason = /./ } = LIES[lie];
  const { offloads } = await ask<NodeStatus>(lab, node, 'status');
  const report = offloads.find(({ offload }) => offload === breaks);
  t.match(report, { used: false, state: found }, `${lie}: ${report?.reason ?? report?.state}`);
  if (found === 'broken') {
    t.match(report?.reason, reason);
    t.equal(node.log().match(new RegExp(`this kernel breaks ${breaks}, it is off`, 'g'))?.length, 1, 'one line');
  }
  const others = offloads.filter(({ offload, state }) => offload !== breaks && state === 'broken');
  t.strictSame(others, [], 'nothing else is blamed');
}
