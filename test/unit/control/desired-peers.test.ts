import fc from 'fast-check';
import t from 'tap';
import type { PeerConfig } from '../../../src/control/config/node-config.js';
import { desiredPeers, NO_SUBNET } from '../../../src/control/desired-peers.js';
import { macFromName } from '../../../src/core/mac.js';
import type { Family } from '../../../src/wire/address.js';
import type { Statement } from '../../../src/wire/gossip/statement.js';
import { statement } from './membership/sample-card.js';
import { address, prefix } from './sample-config.js';

const clusterCidr = ['10.244.0.0/16', 'fd00:244::/48'].map(prefix);

function peer(node: string, underlay: string | readonly string[], ...podCidr: string[]): PeerConfig {
  return { node, underlay: [underlay].flat().map(address), podCidr: podCidr.map(prefix), mac: macFromName(node) };
}

const self = peer('alpha', '192.0.2.1', '10.244.1.0/24', 'fd00:244:0:1::/64');
const bravo = { underlay: '192.0.2.2', podCidr: ['10.244.2.0/24', 'fd00:244:0:2::/64'] };

/** Names that get traffic, and why others do not. */
function desired(members: readonly Statement[], configured: readonly PeerConfig[] = []) {
  const { peers, left } = desiredPeers(self, 1, clusterCidr, configured, members);
  return { peers: peers.map(({ node }) => node), left: left.map(({ node, why }) => `${node}: ${why}`) };
}

t.test('members become peers as they say', async (t) => {
  const { peers, left } = desiredPeers(self, 1, clusterCidr, [], [statement('bravo', bravo)]);
  const expected = { ...peer('bravo', bravo.underlay, ...bravo.podCidr), underlay: address('192.0.2.2'), ecn: false };
  t.strictSame(peers, [expected]);
  t.same(left, []);
});

t.test('a configured peer is an operator’s word', async (t) => {
  const fixed = peer('bravo', '198.51.100.2', '10.244.9.0/24');
  const { peers, left } = desiredPeers(self, 1, clusterCidr, [fixed], [statement('bravo', bravo)]);
  t.strictSame(peers, [{ ...fixed, underlay: address('198.51.100.2') }]);
  t.same(left, [{ node: 'bravo', why: 'the configuration says what it is' }]);

  t.same(
    desired([statement('charlie', { underlay: '192.0.2.3', podCidr: ['10.244.9.0/25'], epoch: 1 })], [fixed]),
    { peers: ['bravo'], left: ['charlie: its subnet belongs to somebody else'] },
    'nor is its subnet given to a member',
  );
  t.same(
    desired([statement('charlie', { underlay: '198.51.100.2', podCidr: ['10.244.3.0/24'] })], [fixed]).left,
    ["charlie: its address 198.51.100.2 is another's"],
    'nor its address',
  );
  const odd = peer('delta', '203.0.113.1', '172.16.0.0/24');
  t.same(desired([], [odd]).peers, ['delta'], 'it may lie outside clusterCidr');
});

t.test('who gets no traffic, and why', async (t) => {
  const cases: Record<string, [Parameters<typeof statement>[1], string]> = {
    'no subnet': [{ underlay: '192.0.2.3' }, NO_SUBNET],
    'another family': [
      { underlay: '2001:db8::3', podCidr: ['10.244.3.0/24'] },
      'no common underlay family with charlie: this node has IPv4, charlie has IPv6',
    ],
    'a second address that is another’s': [
      { underlay: ['2001:db8::3', '192.0.2.2'], podCidr: ['10.244.3.0/24'] },
      "its address 192.0.2.2 is another's",
    ],
    'our address': [{ underlay: '192.0.2.1', podCidr: ['10.244.3.0/24'] }, "its address 192.0.2.1 is another's"],
    'inside the overlay': [
      { underlay: '10.244.3.3', podCidr: ['10.244.3.0/24'] },
      'its address lies inside the overlay',
    ],
    'one subnet outside': [
      { underlay: '192.0.2.3', podCidr: ['10.244.3.0/24', 'fd00:245::/64'] },
      'its subnet is not inside clusterCidr',
    ],
    'wider than clusterCidr': [
      { underlay: '192.0.2.3', podCidr: ['10.244.0.0/15'] },
      'its subnet is not inside clusterCidr',
    ],
  };
  for (const [name, [said, why]] of Object.entries(cases)) {
    t.same(
      desired([statement('bravo', bravo), statement('charlie', said)]),
      { peers: ['bravo'], left: [`charlie: ${why}`] },
      name,
    );
  }
});

t.test('where two claim the same, the older claim stays, on every node', async (t) => {
  const older = statement('zulu', { underlay: '192.0.2.3', podCidr: ['10.244.3.0/24'], epoch: 2 });
  const younger = statement('charlie', { underlay: '192.0.2.4', podCidr: ['10.244.3.0/25'], epoch: 3 });
  const twin = statement('bravo', { underlay: '192.0.2.3', podCidr: ['10.244.5.0/24'], epoch: 4 });
  const expected = {
    peers: ['zulu'],
    left: ["bravo: its address 192.0.2.3 is another's", 'charlie: its subnet belongs to somebody else'],
  };
  fc.assert(
    fc.property(fc.shuffledSubarray([older, younger, twin], { minLength: 3 }), (members) => {
      const { peers, left } = desired(members);
      t.strictSame({ peers, left: left.sort() }, expected);
    }),
    { numRuns: 6 },
  );
  const ours = statement('bravo', { underlay: '192.0.2.2', podCidr: ['10.244.1.0/24'], epoch: 2 });
  t.same(desired([ours]).left, ['bravo: its subnet belongs to somebody else'], 'our own is ours');
});

t.test('of two underlay addresses one is chosen', async (t) => {
  const [four, six] = ['192.0.2.2', '2001:db8::2'].map(address);
  const both = statement('bravo', { ...bravo, underlay: ['2001:db8::2', '192.0.2.2'] });
  const dual = peer('alpha', ['192.0.2.1', '2001:db8::1'], '10.244.1.0/24');
  const chosen = (own: PeerConfig, avoid: readonly Family[] = []) => {
    const [only] = desiredPeers(own, 1, clusterCidr, [], [both], () => avoid).peers;
    return [only.underlay, only.otherUnderlay];
  };
  t.strictSame(chosen(dual), [four, six], 'IPv4, where both have both');
  t.strictSame(chosen(self), [four, six], 'the only one that this node has; frames may still come from the other');
  t.strictSame(chosen(peer('alpha', '2001:db8::1', '10.244.1.0/24')), [six, four]);
  t.strictSame(chosen(dual, [4]), [six, four], 'not the one that does not carry');
  t.strictSame(chosen(dual, [4, 6]), [four, six], 'unless neither does');
  t.strictSame(chosen(self, [4]), [four, six], 'or there is no other');
});

t.test('who has no family in common keeps its subnet', async (t) => {
  const far = statement('charlie', { underlay: '2001:db8::3', podCidr: ['10.244.3.0/24'], epoch: 1 });
  const near = statement('delta', { underlay: '192.0.2.4', podCidr: ['10.244.3.0/25'], epoch: 2 });
  t.same(desired([far, near]), {
    peers: [],
    left: [
      'delta: its subnet belongs to somebody else',
      'charlie: no common underlay family with charlie: this node has IPv4, charlie has IPv6',
    ],
  });
  const fixed = peer('echo', '2001:db8::5', '10.244.5.0/24');
  t.match(desiredPeers(self, 1, clusterCidr, [fixed], []).left, [{ node: 'echo', apart: fixed }], 'configured or not');
});
