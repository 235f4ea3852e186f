import t from 'tap';
import { ALIVE, DEAD, LEFT, SUSPECT } from '../../../../src/core/swim/types.js';
import { TestNetwork } from './network.js';

const seed = Number(process.env['SEED'] ?? 1);
t.comment(`SEED=${seed}`);

t.test('who joins is known to all within two seconds', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(30);
  net.start(30);
  net.sync(30, 0);
  net.run(2000);
  t.equal(net.witnesses('joined', 30), 30);
  t.equal(net.swim(30).alive, 31);
});

t.test('who is killed is declared dead by all', async (t) => {
  const net = new TestNetwork(seed);
  net.startAll(30);
  net.kill(7);
  net.run(25_000);
  t.equal(net.witnesses('failed', 7), 29);
  t.equal(net.swim(3).member(7)?.state, DEAD);
  t.same(
    new Set(
      net.events.filter(({ event }) => event.kind === 'failed').map(({ event }) => 'node' in event && event.node),
    ),
    new Set([7]),
  );
});

void [ALIVE, LEFT, SUSPECT];
