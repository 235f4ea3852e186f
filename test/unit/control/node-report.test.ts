import t from 'tap';
import { memberStatus, peerStatus, routeStatuses, unreachedPeer } from '../../../src/control/node-report.js';
import { macFromName } from '../../../src/core/mac.js';
import { address, prefix } from './sample-config.js';

const bravo = {
  node: 'bravo',
  underlay: address('192.0.2.2'),
  otherUnderlay: address('2001:db8::2'),
  podCidr: [prefix('10.244.2.0/24'), prefix('fd00:244:0:2::/64')],
  mac: macFromName('bravo'),
};
const counters = { txFrames: 1, txBytes: 2, rxFrames: 3, rxBytes: 4 };

t.test('a peer that traffic goes to', async (t) => {
  const plain = peerStatus({ peer: bravo, mtu: 1450, counters });
  t.match(plain, {
    node: 'bravo',
    underlay: '192.0.2.2',
    underlays: ['192.0.2.2', '2001:db8::2'],
    mtu: 1450,
    txBytes: 2,
  });
  t.match(plain, { mtuBy: 'link', mtuSearch: 'told', mtuAgeMs: 0 }, 'nothing is known of its path');
  t.notOk('data' in plain || 'pathWords' in plain, 'what is not known is absent');
  const data = { state: 'up', rttMs: 1, lossPercent: 0 } as const;
  const path = { mtu: 1400, by: 'icmp', ageMs: 1.6, phase: 'complete', words: 'a router said so' } as const;
  t.match(peerStatus({ peer: bravo, mtu: 1350, counters, data, path }), {
    mtuBy: 'icmp',
    mtuAgeMs: 2,
    mtuSearch: 'complete',
    pathWords: 'a router said so',
    data,
  });
});

t.test('a node without a common family is a peer that is down; one left for another reason is none', async (t) => {
  const apart = { node: 'charlie', underlay: [address('2001:db8::3')], podCidr: [], mac: macFromName('charlie') };
  const left = { node: 'charlie', why: 'it has IPv6 only', apart };
  t.match(unreachedPeer(left), [{ node: 'charlie', txFrames: 0, data: { state: 'down', words: 'it has IPv6 only' } }]);
  t.strictSame(unreachedPeer({ node: 'delta', why: 'it has no subnet yet' }), []);

  const member = { node: 'charlie', data: { state: 'up' } } as Parameters<typeof memberStatus>[0];
  t.match(memberStatus(member, left), { node: 'charlie', data: { state: 'down', words: 'it has IPv6 only' } });
  t.equal(memberStatus(member, undefined), member);
});

t.test('routes: subnets, then the addresses of both families', async (t) => {
  t.strictSame(
    routeStatuses(bravo, false).map(({ prefix, kind }) => `${kind} ${prefix}`),
    ['pod 10.244.2.0/24', 'pod fd00:244:0:2::/64', 'underlay 192.0.2.2/32', 'underlay 2001:db8::2/128'],
  );
  t.ok(routeStatuses(bravo, true).every(({ self, via }) => self && via === '192.0.2.2'));
});
