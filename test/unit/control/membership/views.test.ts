import t from 'tap';
import { memberStatuses, subnetOwners } from '../../../../src/control/membership/views.js';
import type { MemberView } from '../../../../src/core/swim/types.js';
import type { SignedStatement } from '../../../../src/wire/gossip/statement.js';
import { card, type Said } from './sample-card.js';

type View = MemberView<SignedStatement>;

function view(name: string, said: Said, changes: Partial<View> = {}): View {
  return { node: 0, state: 0, incarnation: 1, card: card(name, said), since: 0, rttMs: undefined, ...changes };
}

const views = [
  view('zulu', { podCidr: ['10.244.10.0/24'] }, { state: 2, incarnation: 7, since: 1500 }),
  view('alpha', { podCidr: ['10.244.9.0/24', 'fd00::/64'], epoch: 4 }),
  view('mike', { underlay: ['2001:db8::1', '192.0.2.9'] }, { state: 1, rttMs: 0.25 }),
];
const data = { state: 'up', rttMs: 1, lossPercent: 0 } as const;
const statuses = memberStatuses(
  views,
  'alpha',
  (ms) => 1_000_000 + ms,
  (node) => (node === 'mike' ? data : undefined),
);

t.test('members as JSON, by name', async (t) => {
  t.strictSame(statuses, [
    {
      node: 'alpha',
      state: 'alive',
      self: true,
      underlay: '192.0.2.1',
      underlays: ['192.0.2.1'],
      podCidr: ['10.244.9.0/24', 'fd00::/64'],
      epoch: 4,
      incarnation: 1,
      rttMs: null,
      since: '1970-01-01T00:16:40.000Z',
    },
    {
      node: 'mike',
      state: 'suspect',
      self: false,
      underlay: '2001:db8::1',
      underlays: ['2001:db8::1', '192.0.2.9'],
      podCidr: [],
      epoch: 1,
      incarnation: 1,
      rttMs: 0.25,
      since: '1970-01-01T00:16:40.000Z',
      data,
    },
    {
      node: 'zulu',
      state: 'dead',
      self: false,
      underlay: '192.0.2.1',
      underlays: ['192.0.2.1'],
      podCidr: ['10.244.10.0/24'],
      epoch: 1,
      incarnation: 7,
      rttMs: null,
      since: '1970-01-01T00:16:41.500Z',
    },
  ]);
});

t.test('subnets and their owners, in the order of the subnets', async (t) => {
  t.strictSame(subnetOwners(statuses, new Set(['alpha'])), [
    { node: 'alpha', podCidr: ['10.244.9.0/24', 'fd00::/64'], epoch: 4, state: 'alive', self: true, contested: false },
    { node: 'zulu', podCidr: ['10.244.10.0/24'], epoch: 1, state: 'dead', self: false, contested: true },
  ]);
});
