import t from 'tap';
import { parseConfig } from '../../../../src/control/config/load.js';
import type { NodeConfig } from '../../../../src/control/config/node-config.js';
import { assertReloadable, changedKeys } from '../../../../src/control/config/reloadable.js';

function config(changes: object = {}): NodeConfig {
  const raw = {
    underlay: '192.0.2.1',
    podCidr: '10.244.1.0/24',
    clusterCidr: '10.244.0.0/16',
    peers: [{ node: 'b', underlay: '192.0.2.2', podCidr: '10.244.2.0/24' }],
    ...changes,
  };
  const result = parseConfig(raw, { hostname: 'a', cores: 1 });
  if ('problems' in result) throw new TypeError(JSON.stringify(result.problems));
  return result.config;
}

t.test('the same file read twice has not changed', async (t) => {
  t.strictSame(changedKeys(config(), config()), []);
  const [peer] = config().peers;
  const copied = { ...config(), peers: [{ ...peer, mac: Buffer.from(peer.mac) }] };
  t.strictSame(changedKeys(config(), copied), [], 'whatever class the bytes of a MAC have');
});

t.test('peers and nodes to join may change', async (t) => {
  const peers = [{ node: 'b', underlay: '192.0.2.2', podCidr: '10.244.2.0/24', mac: '02:00:00:00:00:09' }];
  t.strictSame(changedKeys(config(), config({ peers })), ['peers']);
  assertReloadable(config(), config({ peers }));
  assertReloadable(config(), config({ peers: [] }));
  const gossip = { keyFile: '/k' };
  const [before, after] = ['192.0.2.7', '192.0.2.8'].map((join) => config({ gossip, join }));
  t.strictSame(changedKeys(before, after), ['join']);
  assertReloadable(before, after);
});

t.test('nothing else may', async (t) => {
  const others: [string, object][] = [
    ['node', { node: 'z' }],
    ['underlay', { underlay: '192.0.2.9' }],
    ['podCidr', { podCidr: '10.244.9.0/24' }],
    ['podPrefix', { podPrefix: 25 }],
    ['gossip.port', { gossip: { port: 9 } }],
    ['gossip.keyFile', { gossip: { keyFile: '/k' } }],
    ['gossip.insecure', { gossip: { insecure: true } }],
    ['gossip.profile', { gossip: { profile: 'wan' } }],
    ['gossip.forgetAfter', { gossip: { forgetAfter: 60 } }],
    ['gossip.tune', { gossip: { tune: { probeInterval: 500 } } }],
    ['clusterCidr', { clusterCidr: '10.0.0.0/8' }],
    ['device', { device: 'pw9' }],
    ['vxlan.vni', { vxlan: { vni: 2 } }],
    ['vxlan.port', { vxlan: { port: 4789 } }],
    ['workers', { workers: 9 }],
    ['nice', { nice: 0 }],
    ['offload.udpGro', { offload: { udpGro: 'off' } }],
    ['socket', { socket: '/x' }],
    ['stateDir', { stateDir: '/x' }],
    ['mtu', { mtu: 1400 }],
  ];
  for (const [key, changes] of others) {
    t.strictSame(changedKeys(config(), config(changes)), [key]);
    t.throws(() => assertReloadable(config(), config(changes)), {
      code: 'CONFIG',
      message: `${key} has changed, and only peers and join may change while the node runs: nothing was changed; restart podwire to apply it`,
    });
  }
  t.throws(() => assertReloadable(config(), config({ mtu: 1400, device: 'pw9', peers: [] })), {
    message: /^device, mtu have changed, and only peers and join may/,
  });
});
