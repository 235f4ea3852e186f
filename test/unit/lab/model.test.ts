/** Who asks whom, and as whom it must be seen: what is promised to macvlan pods, and what is not. */
import t from 'tap';
import { type Party, questionsOf, trialsOf } from '../../../src/lab/model.js';

const node = (name: string, number: number, underlays: string[]): Party => ({
  node: name,
  addresses: [`10.244.${number}.0`, `fd00:244:0:${number}::2`],
  underlays,
});
const A = node('a', 1, ['192.0.2.1', '2001:db8::1']);
const NEAR = node('near', 2, ['192.0.2.2']);
const FAR = node('far', 3, ['198.51.100.3']);
const podOf = (owner: Party, attach: string): Party => ({
  node: owner.node,
  attach,
  addresses: owner.addresses.map((address) => address.replace(/0$/, '9').replace(/2$/, '9')),
  underlays: owner.underlays,
});
const MACVLAN: Party = {
  ...podOf(A, 'macvlan'),
  addresses: ['192.0.2.70', '2001:db8::70'],
  networks: ['192.0.2.70/24', '2001:db8::70/64'],
};
const ALL = [A, NEAR, FAR, podOf(A, 'ptp'), podOf(NEAR, 'bridge'), podOf(FAR, 'bridge'), MACVLAN];

const told = (from: Party, to: string) =>
  questionsOf(from, ALL)
    .filter((question) => question.to === to)
    .map(({ address, expected }) => `${address} sees ${expected}`);

t.test('pods of the overlay and nodes', async (t) => {
  t.same(told(A, 'near'), [], 'of nodes among themselves the model says nothing');
  t.same(told(A, 'near/bridge'), ['10.244.2.9 sees 10.244.1.0', 'fd00:244:0:2::9 sees fd00:244:0:1::2']);
  t.same(told(ALL[3], 'near'), [
    '10.244.2.0 sees 10.244.1.9',
    'fd00:244:0:2::2 sees fd00:244:0:1::9',
    '192.0.2.2 sees 10.244.1.9',
  ]);
  t.match(
    questionsOf(ALL[3], [ALL[3]]).map(({ rule }) => rule),
    ['pod to itself', 'pod to itself', 'inside a pod', 'inside a pod'],
  );
});

t.test('macvlan: where the network is shared, in its families', async (t) => {
  t.same(told(A, 'a/macvlan'), ['192.0.2.70 sees 192.0.2.1', '2001:db8::70 sees 2001:db8::1'], 'its node, from below');
  t.same(told(NEAR, 'a/macvlan'), ['192.0.2.70 sees 192.0.2.2'], 'another has one family there');
  t.same(told(FAR, 'a/macvlan'), []);
  t.same(told(ALL[4], 'a/macvlan'), ['192.0.2.70 sees 10.244.2.9'], 'a pod as itself');
  t.same(told(MACVLAN, 'near/bridge'), ['10.244.2.9 sees 192.0.2.70']);
  t.same(told(MACVLAN, 'a/ptp'), ['10.244.1.9 sees 192.0.2.70', 'fd00:244:0:1::9 sees 2001:db8::70']);
  t.same([...told(MACVLAN, 'far'), ...told(MACVLAN, 'far/bridge'), ...told(ALL[5], 'a/macvlan')], []);
  t.same(told(MACVLAN, 'a/macvlan').slice(0, 1), ['192.0.2.70 sees 192.0.2.70']);
});

t.test('who is not seen, or as somebody else, fails', async (t) => {
  const questions = questionsOf(A, [podOf(NEAR, 'bridge')]);
  t.same(
    trialsOf(questions, ['10.244.1.0', '']).map(({ seen, ok }) => [seen, ok]),
    [
      ['10.244.1.0', true],
      ['', false],
    ],
  );
  t.same(
    trialsOf(questions, []).map(({ ok }) => ok),
    [false, false],
  );
});
