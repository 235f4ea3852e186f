/** What a node's pods need of its kernel as it holds other subnets. */
import t from 'tap';
import { EventLog } from '../../../src/control/membership/events.js';
import type { PodKernel } from '../../../src/pods/kernel.js';
import { PodNetwork } from '../../../src/pods/network.js';
import { parsePrefix } from '../../../src/wire/address.js';

function prefix(text: string) {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

t.test('a subnet that is another node’s by now is not led to the bridge any more', async (t) => {
  const lines: string[] = [];
  const kernel: Partial<PodKernel> = {
    ownNamespace: '/proc/self/ns/net',
    links: async () => [],
    underlayRoutes: async () => ({ subnets: [], peers: [], siblings: [], direct: [] }),
    nodeForced: async (some) => {
      lines.push(...some);
      return [];
    },
  };
  const pods = await PodNetwork.start(
    {
      kernel: kernel as PodKernel,
      store: { boot: 'boot', lines: 0, append: () => ({ durable: Promise.resolve() }), replace: () => undefined },
      events: new EventLog(() => 0),
      clusterCidr: [prefix('10.244.0.0/16'), prefix('fd00:244::/48')],
      tun: 'podwire0',
      ownPorts: [],
      now: () => 0,
    },
    { entries: [], damaged: [], torn: false },
  );
  await pods.hold([prefix('10.244.1.0/24'), prefix('fd00:244:0:1::/64')], 1450);
  await pods.letGo();
  await pods.hold([prefix('10.244.1.0/24'), prefix('fd00:244:0:1::/64')], 1450);
  t.same(lines, [], 'the same again: its pods are reached all the while');
  await pods.letGo();
  await pods.hold([prefix('10.244.2.0/24'), prefix('fd00:244:0:2::/64')], 1450);
  t.same(lines, [
    'route del 10.244.1.0/24 dev podwire-br protocol 84',
    'route del 10.244.1.0/24 dev podwire-br protocol 84 metric 30084',
    'route del fd00:244:0:1::/64 dev podwire-br protocol 84',
  ]);
});
