import t from 'tap';
import { PathMtuTable } from '../../../src/core/path-mtu.js';

t.test('workers lower it, the main thread sets and forgets it', async (t) => {
  const table = new PathMtuTable(4, 576);
  const worker = new PathMtuTable(4, 576, table.memory);
  t.equal(worker.get(3), 0, 'unknown');
  t.ok(worker.lower(3, 1400));
  t.equal(table.get(3), 1400);
  t.notOk(worker.lower(3, 1450), 'never raised');
  t.notOk(worker.lower(3, 1400), 'no news');
  t.equal(table.get(3), 1400);
  t.ok(worker.lower(3, 68));
  t.equal(table.get(3), 576, 'never below the floor');
  t.notOk(worker.lower(3, 0));
  table.set(3, 9000);
  t.equal(worker.get(3), 9000);
  table.set(3, 100);
  t.equal(worker.get(3), 576);
  table.reset(3);
  t.equal(worker.get(3), 0);
  t.equal(table.get(2), 0, 'the others are untouched');
  t.strictSame([worker.lowered, table.lowered], [2, 0], 'each thread counts what it has lowered');
});
