import t from 'tap';
import { LAN } from '../../../../src/core/swim/profile.js';
import { ALIVE, DEAD, LEFT, type SwimEvent } from '../../../../src/core/swim/types.js';
import { card, type TestCard, TestNetwork } from './network.js';

const seed = Number(process.env['SEED'] ?? 20_240_607);
t.comment(`SEED=${seed}`);

/** Machines that machine `of` holds for alive or suspect, itself too. */
const agreed = (net: TestNetwork, nodes: number[], alive: number) =>
  nodes.every((node) => net.swim(node).alive === alive);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const count = (net: TestNetwork, kind: SwimEvent<TestCard>['kind']) =>
  net.events.filter(({ event }) => event.kind === kind).length;

t.test('all who start at the same time know each other', async (t) => {
  for (const n of [3, 10, 50]) {
    const net = new TestNetwork(seed);
    for (let node = 0; node < n; node++) net.start(node);
    for (let node = 1; node < n; node++) net.sync(node, 0);
    // Nearly all is told within seconds; what missed somebody comes with the next exchange of states.
    net.run(3000);
    const told = count(net, 'joined');
    t.ok(told >= 0.99 * n * (n - 1), `${told} of ${n * (n - 1)} in time`);
    net.run(120_000);
    t.ok(agreed(net, range(0, n), n), `${n} machines`);
    t.equal(count(net, 'joined'), n * (n - 1), 'each was told of each once');
  }
});

t.test('who joins is known to all within two seconds, also where a tenth is lost', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(30);
  net.loss = 0.1;
  let told = 0;
  for (let node = 30; node < 40; node++) {
    net.start(node);
    net.sync(node, 0);
    net.run(2000);
    told += net.witnesses('joined', node) / node;
    t.equal(net.swim(node).alive, node + 1);
  }
  t.ok(told > 9.9, `${told} of 10`);
});

t.test('who is killed is declared dead by all, and nobody else', async (t) => {
  for (const n of [3, 10, 50]) {
    const net = new TestNetwork(seed);
    net.startAll(n);
    net.kill(2);
    net.run(2 * n * 1000 + 11_000);
    t.equal(net.witnesses('failed', 2), n - 1, `${n} machines`);
    t.equal(count(net, 'failed'), n - 1);
    t.equal(net.swim(1).member(2)?.state, DEAD);
  }
});

t.test('detection is soon: a ping within two seconds, then the shortest suspicion', async (t) => {
  const times: number[] = [];
  for (let run = 0; run < 20; run++) {
    const net = new TestNetwork(seed + run);
    net.startAll(30);
    const killed = net.now;
    net.kill(7);
    net.run(60_000);
    const failed = net.events.filter(({ event }) => event.kind === 'failed');
    times.push(Math.max(...failed.map(({ at }) => at)) - killed);
  }
  times.sort((a, b) => a - b);
  // The suspicion is 5.9 s at least; 35 s if nobody confirmed it.
  t.ok(times[0] > 5900 && times[10] < 12_000 && times[19] < 36_000, `${times.map(Math.round).join(' ')} ms`);
});

t.test('nobody is declared dead where a tenth of the datagrams is lost, an hour long', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(10);
  net.loss = 0.1;
  net.maxLatency = 100;
  net.run(3_600_000);
  t.equal(count(net, 'failed'), 0);
  t.ok(agreed(net, range(0, 10), 10));
});

t.test('datagrams do not reach it but streams do: it is not suspected', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(5);
  net.datagrams = (_from, to) => to !== 3;
  net.run(60_000);
  t.equal(net.witnesses('suspected', 3), 0);
});

t.test('two that do not reach each other live by the help of the others', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(6);
  net.reachable = (from, to) => !(from + to === 3 && from * to === 2);
  net.run(120_000);
  t.equal(count(net, 'suspected'), 0);
});

t.test('an accused refutes, and all take its word', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(30);
  net.swim(4).handlePacket({ from: 9, updates: [{ kind: 'suspect', node: 5, incarnation: 1, from: 9 }] }, net.now);
  net.run(4000);
  t.ok(net.witnesses('suspected', 5) > 1);
  t.equal(net.witnesses('recovered', 5), net.witnesses('suspected', 5));
  for (const node of range(0, 30)) t.same(net.swim(node).member(5)?.incarnation, 2);
  t.equal(count(net, 'refuted'), 1);
  t.equal(count(net, 'failed'), 0);
});

t.test('a slow node notices itself, accuses less, and nobody dies of it', async (t) => {
  const accusations: number[] = [];
  for (const awarenessMax of [8, 0]) {
    const net = new TestNetwork(seed, { ...LAN, awarenessMax });
    net.startAll(20);
    net.machine(3).slowness = 1200;
    net.run(120_000);
    accusations.push(net.seenBy(3).filter(({ kind }) => kind === 'suspected').length);
    if (awarenessMax === 0) continue;
    t.ok(net.swim(3).awareness > 0);
    t.ok(
      range(4, 20).every((node) => net.swim(node).awareness <= 2),
      'the others are well',
    );
    t.equal(count(net, 'failed'), 0);
    net.machine(3).slowness = 0;
    net.run(120_000);
    t.equal(net.swim(3).awareness, 0, 'it has recovered');
  }
  const [aware, unaware] = accusations;
  t.ok(aware * 2 < unaware, `${aware} accusations, ${unaware} without local health`);
});

t.test('who leaves has left for all, and is not missed', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(20);
  net.swim(6).leave(net.now);
  net.run(1500);
  net.kill(6);
  net.run(60_000);
  t.equal(net.witnesses('left', 6), 19);
  t.equal(count(net, 'suspected') + count(net, 'failed'), 0);
  t.equal(net.swim(1).member(6)?.state, LEFT);
  t.ok(agreed(net, range(0, 6), 19));
});

t.test('who comes back under its name, knowing nothing, is alive again', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(10);
  net.kill(4);
  net.run(60_000);
  t.equal(net.witnesses('failed', 4), 9);
  net.events.length = 0;
  net.start(4);
  net.sync(4, 0);
  net.run(2000);
  t.equal(net.witnesses('joined', 4), 9);
  t.equal(net.swim(4).incarnation, 2, 'it has outdone the memory of it');
  t.ok(agreed(net, range(0, 10), 10));
});

t.test('two halves that meet again are one, by one exchange of states', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(30);
  net.reachable = (from, to) => from % 2 === to % 2;
  net.run(180_000);
  t.ok(agreed(net, range(0, 30), 15), 'split');
  net.reachable = () => true;
  net.events.length = 0;
  net.sync(0, 1);
  net.run(30_000);
  t.ok(agreed(net, range(0, 30), 30));
  t.equal(count(net, 'failed'), 0, 'nobody dies of the other half’s memory');
  for (const node of range(0, 30)) {
    const states = new Set([...net.swim(node).members()].map(({ state }) => state));
    t.same([...states], [ALIVE]);
  }
});

t.test('without anything lost or told, the exchanges of states alone bring everybody everything', async (t) => {
  const net = new TestNetwork(seed);
  net.datagrams = () => false;
  for (let node = 0; node < 8; node++) net.start(node);
  for (let node = 1; node < 8; node++) net.sync(node, node - 1);
  net.run(150_000);
  t.equal(count(net, 'failed'), 0);
  t.ok(agreed(net, range(0, 8), 8));
});

t.test('a machine that was suspended comes back and has killed nobody', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(15);
  net.suspend(2, 300_000);
  net.run(299_000);
  t.equal(net.witnesses('failed', 2), 14);
  net.events.length = 0;
  net.run(10_000);
  t.equal(net.seenBy(2).filter(({ kind }) => kind === 'suspected' || kind === 'failed').length, 0);
  t.equal(net.witnesses('joined', 2), 14);
  t.equal(net.swim(2).counts.stalls, 1);
});

t.test('a thief of a name is told, and so are the others; the owner stays', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(5);
  const thief = net.start(9, 'owner 4', 50);
  // It calls itself 4: what it pushes is about that name.
  const [own] = thief.pushState(net.now);
  net.swim(0).mergeState([{ ...own, node: 4, card: card('a thief') }], net.now);
  net.run(5000);
  t.equal(net.seenBy(0).filter(({ kind }) => kind === 'conflict').length, 1);
  t.equal(net.swim(0).member(4)?.card.owner, 'owner 4');
  t.equal(net.swim(4).incarnation, 1);
});

t.test('an idle cluster sends a ping and an ack a second and node, and nothing else', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(20);
  net.run(60_000);
  net.packets.length = 0;
  net.run(100_000);
  const each = net.packets.length / 20 / 100;
  t.ok(each > 1.9 && each < 2.1, `${each} packets`);
  t.ok(net.packets.every(({ packet }) => packet.updates.length === 0));
});

t.test('the same seed, the same run', async (t) => {
  const runs = [1, 2].map(() => {
    const net = new TestNetwork(seed);
    net.startAll(12);
    net.loss = 0.2;
    net.kill(3);
    net.run(60_000);
    return net.events.map(({ at, by, event }) => `${at} ${by} ${event.kind}`).join('\n');
  });
  t.equal(runs[0], runs[1]);
});

t.test('random faults, and in the end all agree', async (t) => {
  for (let run = 0; run < 12; run++) {
    const net = new TestNetwork(seed + run, { ...LAN, pushPullInterval: 10_000 });
    const n = 3 + ((seed + run) % 12);
    net.startAll(n);
    net.loss = 0.05 * (run % 5);
    net.maxLatency = 50 * (run % 4) + 5;
    const cut = 1 + (run % n);
    net.reachable = (from, to) => from < cut === to < cut;
    net.run(5000 * (run % 9));
    net.reachable = () => true;
    net.kill(n - 1);
    net.run(5000);
    net.start(n - 1);
    // What the driver does for ever: it tries the seeds and the dead.
    for (let node = 0; node < n; node++) net.sync(node, (node + 1) % n);
    net.run(60_000);
    t.ok(agreed(net, range(0, n), n), `SEED=${seed + run}: ${range(0, n).map((node) => net.swim(node).alive)}`);
  }
});
