import fc from 'fast-check';
import t from 'tap';
import { ReplayWindow, WINDOW } from '../../../src/core/replay-window.js';

t.test('each counter is accepted once', async (t) => {
  const window = new ReplayWindow(0);
  for (const counter of [0, 1, 5, 3, 2 ** 40, 2 ** 40 - WINDOW, 2 ** 53 - 1]) {
    t.ok(window.accept(counter), `${counter}`);
    t.notOk(window.accept(counter), `${counter} again`);
  }
  t.notOk(window.accept(2 ** 40), 'far below the highest');
});

t.test('nothing below the floor', async (t) => {
  const window = new ReplayWindow(100);
  t.notOk(window.accept(99));
  t.ok(window.accept(100));
  t.ok(window.accept(5000));
  t.notOk(window.accept(99));
});

t.test('as a set of all counters, in any order', async (t) => {
  // Forward on the whole, so that the ring of words goes round several times.
  const jump = fc.oneof(
    fc.integer({ min: -30, max: 100 }),
    fc.integer({ min: -1100, max: 1100 }),
    fc.constantFrom(-1, 1, 32, 1056, 1200),
  );
  fc.assert(
    fc.property(fc.nat(2000), fc.array(jump, { maxLength: 300 }), (floor, jumps) => {
      const window = new ReplayWindow(floor);
      const seen = new Set<number>();
      let [counter, highest] = [floor, floor];
      for (const jump of jumps) {
        counter = Math.max(0, counter + jump);
        const accepted = window.accept(counter);
        if (accepted && (counter < floor || seen.has(counter)))
          return t.fail(`${counter} is below the floor, or was seen`);
        const isNew = counter >= floor && !seen.has(counter) && counter >= highest - WINDOW;
        if (isNew && !accepted) return t.fail(`${counter} is new, and in the window`);
        if (accepted) seen.add(counter);
        highest = Math.max(highest, counter);
      }
      return true;
    }),
    { numRuns: 200 },
  );
});
