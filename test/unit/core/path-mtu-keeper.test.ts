/** What a keeper believes, what it counts, and how much it sends. */
import t from 'tap';
import { macFromName } from '../../../src/core/mac.js';
import { type KeptPeer, type PathMtuCounters, PathMtuKeeper } from '../../../src/core/path-mtu-keeper.js';
import type { PathReport } from '../../../src/core/path-report.js';
import { encapsulationPrefix } from '../../../src/wire/vxlan.js';

const PORT = 8472;
const OWN = macFromName('alpha');

function kept(node: string, options: Partial<KeptPeer> = {}): KeptPeer {
  const headers = { vni: 1, peer: macFromName(node), own: OWN };
  return { node, underlay: `at ${node}`, floor: 576, ceiling: 1500, answers: false, headers, ...options };
}

function report(mtu: number, change: Partial<PathReport> = {}): PathReport {
  const quoted = encapsulationPrefix(1, macFromName('bravo'), OWN);
  return { kind: 'too-big', mtu, destination: [0, 0, 0xffff, 1], port: PORT, quoted, ...change };
}

function make() {
  const used: [string, number][] = [];
  const words: string[] = [];
  const sent: { kind: string; node: string; size: number }[] = [];
  const world = { alive: true, used, words, sent };
  const keeper = new PathMtuKeeper(PORT, {
    probe: (node, size) => sent.push({ kind: 'probe', node, size }),
    filler: (node, size) => sent.push({ kind: 'filler', node, size }),
    alive: () => world.alive,
    use: (node, mtu) => used.push([node, mtu]),
    notify: (_, text) => words.push(text),
  });
  return { keeper, ...world };
}

t.test('each report is believed, or counted once', async (t) => {
  const { keeper, used } = make();
  keeper.setPeers([kept('bravo')], 0);
  const other = encapsulationPrefix(1, macFromName('charlie'), OWN);
  const cases: [keyof PathMtuCounters, string | undefined, PathReport][] = [
    ['foreign', undefined, report(1400)],
    ['foreign', 'charlie', report(1400)],
    ['foreign', 'bravo', report(1400, { port: 4789 })],
    ['unproven', 'bravo', report(1400, { quoted: new Uint8Array(0) })],
    ['unproven', 'bravo', report(1400, { quoted: report(0).quoted.subarray(0, 21) })],
    ['unproven', 'bravo', report(1400, { quoted: other })],
    ['unproven', 'bravo', report(1400, { quoted: encapsulationPrefix(2, macFromName('bravo'), OWN) })],
    ['unproven', 'bravo', report(1400, { quoted: encapsulationPrefix(1, macFromName('bravo'), macFromName('x')) })],
    ['belowFloor', 'bravo', report(575)],
    ['belowFloor', 'bravo', report(0)],
    ['other', 'bravo', report(1400, { kind: 'other' })],
    ['known', 'bravo', report(1500)],
    ['believed', 'bravo', report(1400)],
    ['known', 'bravo', report(1400)],
    ['believed', 'bravo', report(1380, { kind: 'link', port: 0, quoted: new Uint8Array(0) })],
  ];
  for (const [counter, node, each] of cases) {
    const before = { ...keeper.counters };
    keeper.report(node, each, 1000);
    t.same(keeper.counters, { ...before, [counter]: before[counter] + 1 }, counter);
  }
  t.same(used, [
    ['bravo', 1400],
    ['bravo', 1380],
  ]);
  t.match(keeper.reading('bravo', 1500), { mtu: 1380, by: 'kernel', ageMs: 500, phase: 'told' });
  for (let i = 0; i < 1000; i++) keeper.report('bravo', report(1300, { quoted: other }), 1500);
  keeper.report('bravo', report(1300), 1500);
  t.equal(keeper.reading('bravo', 1500)?.mtu, 1300, 'a flood of forged ones does not crowd out the true one');
});

t.test('nobody listens there: in words, once, and for as long as it is said', async (t) => {
  const { keeper, words } = make();
  keeper.setPeers([kept('bravo')], 0);
  for (let now = 0; now < 5000; now += 1000) keeper.report('bravo', report(0, { kind: 'no-port' }), now);
  t.same(words, [], 'a node that has just come may not have opened its sockets');
  for (let now = 5000; now < 10_000; now += 1000) keeper.report('bravo', report(0, { kind: 'no-port' }), now);
  t.same(words, ["bravo's machine says that nobody listens on UDP 8472: is podwire running there?"]);
  t.equal(keeper.reading('bravo', 10_000)?.words, words[0]);
  t.equal(keeper.reading('bravo', 60_000)?.words, undefined);
  keeper.report('bravo', report(0, { kind: 'unreachable' }), 60_000);
  t.match(words[1], /cannot be reached/);
});

t.test('peers come, begin to answer, move, and go', async (t) => {
  const { keeper, used, sent } = make();
  keeper.setPeers([kept('bravo')], 0);
  keeper.wake(100);
  t.same(sent, [], 'who answers nothing is not asked');
  keeper.report('bravo', report(1400), 200);
  keeper.setPeers([kept('bravo', { answers: true })], 300);
  t.equal(keeper.reading('bravo', 300)?.mtu, 1400, 'what was learned is kept');
  keeper.wake(400);
  t.same(sent, [{ kind: 'probe', node: 'bravo', size: 1400 }]);
  keeper.answered('bravo', 1400, 410);
  t.match(keeper.reading('bravo', 410), { mtu: 1400, by: 'icmp', ageMs: 0, phase: 'complete' });
  used.length = 0;
  keeper.setPeers([kept('bravo', { answers: true })], 450);
  t.same(used, [['bravo', 1400]], 'the workers, who forget a peer that has changed, are told again');
  keeper.setPeers([kept('bravo', { answers: true, underlay: 'elsewhere' })], 500);
  t.match(keeper.reading('bravo', 500), { mtu: 1500, by: 'link' });
  t.same(used.slice(-1), [['bravo', 0]], 'and the workers are told');
  keeper.setPeers([], 600);
  t.equal(keeper.reading('bravo', 600), undefined);
  keeper.answered('bravo', 1400, 600);
  keeper.found('bravo', 1400, 600);
});

t.test('what a worker has lowered is taken over', async (t) => {
  const { keeper, used } = make();
  keeper.setPeers([kept('bravo')], 0);
  keeper.found('bravo', 1420, 100);
  t.match(keeper.reading('bravo', 100), { mtu: 1420, by: 'kernel' });
  keeper.found('bravo', 1420, 200);
  t.same(used, [], 'it is in use already');
  keeper.found('bravo', 100, 300);
  t.same(used, [['bravo', 576]], 'but not below the floor');
});

t.test('it says when it is to be woken', async (t) => {
  const { keeper, sent } = make();
  t.equal(keeper.wake(0), Number.POSITIVE_INFINITY, 'without peers never');
  keeper.setPeers([kept('bravo')], 0);
  t.equal(keeper.wake(0), Number.POSITIVE_INFINITY, 'who answers nothing is not asked');
  keeper.report('bravo', report(1400), 1000);
  t.equal(keeper.wake(1000), 11_000, 'whether a narrow path has grown');
  keeper.setPeers([kept('bravo', { answers: true })], 2000);
  t.equal(keeper.wake(2000), 2000, 'something was sent');
  t.equal(keeper.wake(2100), 3000, 'when its answer is late');
  keeper.answered('bravo', 1400, 2200);
  t.equal(keeper.wake(2300), 4000, 'the next test');
  sent.length = 0;
  for (let now = 2300; now < 60_000; now = Math.max(now + 100, keeper.wake(now))) {
    for (const { node, size } of sent.splice(0)) keeper.answered(node, size, now);
  }
  t.match(keeper.reading('bravo', 60_000), { mtu: 1500, by: 'probed', phase: 'complete' }, 'no more wakes are needed');
});

t.test('thousands of peers: all are tested in turn, and not at once', async (t) => {
  const { keeper, sent } = make();
  const peers = Array.from({ length: 4000 }, (_, i) => kept(`node-${i}`, { answers: true }));
  keeper.setPeers(peers, 0);
  let most = 0;
  for (let second = 0; second < 60; second++) {
    const before = sent.length;
    for (let now = 1000 * second; now < 1000 * (second + 1); now += 100) {
      const first = sent.length;
      keeper.wake(now);
      for (const { node, size } of sent.slice(first)) keeper.answered(node, size, now);
    }
    most = Math.max(most, sent.length - before);
  }
  t.ok(most <= 600, `${most} packets in a second`);
  t.equal(new Set(sent.map(({ node }) => node)).size, 4000);
});
