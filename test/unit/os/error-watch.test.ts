import t from 'tap';
import { ErrorWatch, LOOK_EVERY } from '../../../src/os/error-watch.js';

function make() {
  const world = { waiting: false, looks: 0, told: 0 };
  const watch = new ErrorWatch(
    () => {
      world.looks++;
      return world.waiting;
    },
    () => {
      world.told++;
    },
  );
  return { world, watch };
}

t.test('who sends nothing never looks, and sleeps for ever', async (t) => {
  const { world, watch } = make();
  for (let now = 0; now < 10 * LOOK_EVERY; now += 7) {
    watch.turn(now, 0, 0);
    t.equal(watch.sleep(now), -1);
  }
  t.strictSame(world, { waiting: false, looks: 0, told: 0 });
});

t.test('who sends looks once an interval, and a whole interval after the last frame', async (t) => {
  const { world, watch } = make();
  let frames = 0;
  let now = 1000;
  for (; now < 1000 + 10 * LOOK_EVERY; now++) watch.turn(now, ++frames, 0);
  t.equal(world.looks, 9);
  const last = now - 1;
  const looked: number[] = [];
  for (; watch.sleep(now) >= 0; now += watch.sleep(now)) {
    const before = world.looks;
    watch.turn(now, frames, 0);
    if (world.looks > before) looked.push(now);
  }
  t.equal(looked.length, 2);
  t.ok(looked[0] - last <= LOOK_EVERY, 'the first in time');
  t.ok(looked[1] - last >= LOOK_EVERY && looked[1] - last <= 2 * LOOK_EVERY, 'the last when all had time to come back');
  watch.turn(now + 1000, frames, 0);
  t.equal(world.looks, 11, 'no more');
  watch.turn(now + 1000, ++frames, 0);
  t.equal(watch.sleep(now + 1000), LOOK_EVERY);
  t.equal(watch.sleep(now + 1000 + LOOK_EVERY - 0.5), 1, 'no shorter than a millisecond, so that nobody turns in vain');
});

t.test('what waits is told at each look until it was read; a path that was lowered at once', async (t) => {
  const { world, watch } = make();
  world.waiting = true;
  watch.turn(0, 1, 0);
  t.equal(world.told, 0);
  watch.turn(LOOK_EVERY, 2, 0);
  t.equal(world.told, 1);
  watch.turn(2 * LOOK_EVERY, 2, 0);
  t.equal(world.told, 2);
  world.waiting = false;
  watch.turn(3 * LOOK_EVERY, 3, 0);
  watch.turn(4 * LOOK_EVERY, 3, 0);
  t.equal(world.told, 2);
  watch.turn(4 * LOOK_EVERY + 1, 3, 1);
  t.equal(world.told, 3, 'nothing was sent');
  watch.turn(4 * LOOK_EVERY + 2, 3, 1);
  t.equal(world.told, 3);
});
