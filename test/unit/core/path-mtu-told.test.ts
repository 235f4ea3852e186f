/** A path whose other end answers nothing: hops with widths, some of which say what they take. */
import t from 'tap';
import { PathMtuTold } from '../../../src/core/path-mtu-told.js';

const TICK = 100;

/** Sends what the learner asks for over the hops; the first that is too narrow says so, if it does. */
function walk(learner: PathMtuTold, hops: { mtu: number; silent?: boolean }[], from: number, ms: number): number {
  let now = from;
  for (; now < from + ms; now += TICK) {
    if (!learner.wake(now)) continue;
    for (const size of learner.next(now)) {
      const hop = hops.find(({ mtu }) => mtu < size);
      if (hop && !hop.silent) learner.tooBig(hop.mtu, now + 10);
    }
  }
  return now;
}

t.test("nothing speaks against the link's size: nothing is sent", async (t) => {
  const learner = new PathMtuTold(576, 1500, 0);
  for (let now = 0; now < 100_000; now += TICK) t.notOk(learner.wake(now));
  t.match(learner, { mtu: 1500, by: 'link', phase: 'told' });
});

t.test('ICMP lowers, never below the floor, and never raises what nobody has asked about', async (t) => {
  const learner = new PathMtuTold(576, 1500, 0);
  t.notOk(learner.tooBig(68, 1));
  t.notOk(learner.tooBig(1500, 1), 'no news');
  t.ok(learner.tooBig(1400, 1));
  t.notOk(learner.tooBig(1450, 2));
  t.notOk(learner.tooBig(1400, 2));
  t.match(learner, { mtu: 1400, by: 'icmp', at: 1 });
  t.ok(learner.refused(100, 3));
  t.match(learner, { mtu: 576, by: 'kernel' });
});

t.test('a path that stays narrow stays so; frames of its own ask, not data', async (t) => {
  const learner = new PathMtuTold(576, 1500, 0);
  learner.tooBig(1300, 0);
  // A wider hop before the narrow one answers the frame first.
  const now = walk(learner, [{ mtu: 1400 }, { mtu: 1300 }], 0, 60_000);
  t.match(learner, { mtu: 1300, by: 'icmp' });
  t.ok(now - learner.at < 11_000, 'and is confirmed');
});

t.test('a path that grows in part, then as a whole', async (t) => {
  const learner = new PathMtuTold(576, 1500, 0);
  learner.tooBig(1300, 0);
  let now = walk(learner, [{ mtu: 1400 }], 0, 20_000);
  t.match(learner, { mtu: 1400, by: 'icmp' });
  now = walk(learner, [], now, 20_000);
  t.match(learner, { mtu: 1500, by: 'link' });
  t.notOk(learner.wake(now + 100_000));
});

t.test('a router that is silent once, having said too much, is asked again', async (t) => {
  const learner = new PathMtuTold(576, 1500, 0);
  learner.tooBig(1300, 0);
  const hop = { mtu: 1300, silent: true };
  const now = walk(learner, [hop], 0, 13_000);
  t.equal(learner.mtu, 1300);
  hop.silent = false;
  walk(learner, [hop], now, 30_000);
  t.equal(learner.mtu, 1300);
});
