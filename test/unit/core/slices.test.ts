import t from 'tap';
import { inSlices, onEventLoop, pause, SLICE } from '../../../src/core/slices.js';

t.test('the event loop turns between slices, and only there', async (t) => {
  const order: (number | string)[] = [];
  const schedule = (resume: () => void, delayMs: number) => {
    order.push(`pause ${delayMs}`);
    setImmediate(resume);
  };
  const some = inSlices(schedule, SLICE, (index) => order.push(index));
  t.equal(order.length, SLICE, 'one slice is taken at once');
  await some;
  await inSlices(schedule, 0, () => t.fail('no step'));

  order.length = 0;
  await inSlices(schedule, 2 * SLICE + 1, (index) => order.push(index));
  const slice = (from: number) => Array.from({ length: SLICE }, (_, i) => from + i);
  t.same(order, [...slice(0), 'pause 0', ...slice(SLICE), 'pause 0', 2 * SLICE]);
});

t.test('a step that throws is the last', async (t) => {
  let taken = 0;
  const refused = inSlices(onEventLoop, 3 * SLICE, (index) => {
    if (index === SLICE + 1) throw new Error('no more');
    taken++;
  });
  await t.rejects(refused, { message: 'no more' });
  t.equal(taken, SLICE + 1);
});

t.test('others have their turn in a pause', async (t) => {
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await pause(onEventLoop, 0);
  t.ok(turned);
  const before = performance.now();
  await pause(onEventLoop, 20);
  t.ok(performance.now() - before >= 18);
});
