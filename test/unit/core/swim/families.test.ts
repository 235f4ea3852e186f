/** Members that have no way to each other, as nodes of IPv4 and nodes of IPv6, and members that have a way to all. */
import t from 'tap';
import { ALIVE, DEAD } from '../../../../src/core/swim/types.js';
import { TestNetwork } from './network.js';

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Every third node reaches all, the others those of their own kind: node 1 is of one kind, node 2 of the other. */
const linked = (one: number, other: number) => one % 3 === 0 || other % 3 === 0 || one % 3 === other % 3;

function network(): TestNetwork {
  const network = new TestNetwork(SEED);
  network.linked = linked;
  network.reachable = linked;
  return network;
}

t.test('nobody is suspected for want of a way, also where some is lost', async (t) => {
  t.comment(`SEED=${SEED}`);
  const lab = network();
  lab.startAll(30);
  lab.loss = 0.05;
  lab.run(300_000);
  const failed = lab.events.filter(({ event }) => event.kind === 'failed');
  t.same(failed, []);
  for (let node = 0; node < 30; node++) {
    t.equal(lab.swim(node).alive, 30);
    t.ok(lab.swim(node).awareness <= 2, `node ${node} takes itself for healthy`);
  }
  t.notOk(
    lab.packets.some(({ packet, to }) => packet.from >= 0 && !linked(packet.from, to)),
    'nothing is sent where nothing arrives',
  );
});

t.test('the dead of either kind are found by all', async (t) => {
  t.comment(`SEED=${SEED}`);
  const lab = network();
  lab.startAll(12);
  for (const dead of [3, 4, 5]) lab.kill(dead);
  lab.run(90_000);
  for (const node of [0, 1, 2, 6, 7, 8]) {
    for (const dead of [3, 4, 5]) t.equal(lab.swim(node).member(dead)?.state, DEAD, `${node} knows of ${dead}`);
    t.equal(lab.swim(node).alive, 9);
  }
});

t.test('without anybody between them each takes the other kind for dead, and is at no fault', async (t) => {
  t.comment(`SEED=${SEED}`);
  const lab = network();
  lab.startAll(5);
  for (const between of [0, 3]) lab.kill(between);
  lab.run(120_000);
  t.equal(lab.swim(1).member(2)?.state, DEAD);
  t.equal(lab.swim(1).member(4)?.state, ALIVE, 'but not its own');
  t.equal(lab.swim(1).awareness, 0);
});
