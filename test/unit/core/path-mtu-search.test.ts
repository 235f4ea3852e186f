/** The search on a path of any width, that loses what it is told to, under a virtual clock. */
import t from 'tap';
import { ladder, PathMtuSearch } from '../../../src/core/path-mtu-search.js';
import { seededRandom } from '../../../src/core/random.js';

const SEED = Number(process.env['PODWIRE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
t.comment(`PODWIRE_SEED=${SEED}`);

const FLOOR = 576;
const INTERVAL = 2000;
const TICK = 100;

class World {
  now = 5000;
  /** What the path takes, bytes; 0: nothing. */
  width: number;
  alive = true;
  /** Part of all probes that is lost by chance. */
  loss = 0;
  sent = 0;
  largest = 0;
  readonly search: PathMtuSearch;
  #flying: number[] = [];
  readonly #random = seededRandom(SEED);

  constructor(width: number, ceiling = 1500) {
    this.width = width;
    this.search = new PathMtuSearch(FLOOR, ceiling, this.now);
  }

  /** Answers arrive with the next tick. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += TICK) {
      for (const size of this.#flying) this.search.answered(size, this.now);
      this.#flying = [];
      if (!this.search.wake(this.now, this.alive)) continue;
      const sizes = this.search.next(this.now, INTERVAL);
      this.sent += sizes.length;
      this.largest = Math.max(this.largest, sizes.length);
      this.#flying = sizes.filter((size) => size <= this.width && this.#random() >= this.loss);
    }
  }

  /** Milliseconds until the MTU in use is that of the path. */
  until(mtu: number, most: number): number {
    const start = this.now;
    while (this.search.mtu !== mtu && this.now < start + most) this.pass(TICK);
    return this.now - start;
  }
}

t.test("a path that takes the link's size: proven at once, then tested with one packet each interval", async (t) => {
  const world = new World(1500);
  t.match(world.search, { mtu: 1500, by: 'link', phase: 'base' });
  world.pass(300);
  t.match(world.search, { mtu: 1500, by: 'probed', phase: 'complete' });
  t.equal(world.sent, 2);
  world.pass(60_000);
  t.ok(world.sent <= 34, `${world.sent} packets in a minute`);
  t.ok(world.now - world.search.at <= INTERVAL + TICK, 'confirmed lately');
});

for (const [ceiling, step] of [
  [1500, 7],
  [9000, 211],
]) {
  t.test(`any width below a link of ${ceiling} is found to the byte, without ICMP`, async (t) => {
    let slowest = 0;
    for (let width = FLOOR; width < ceiling; width += step) {
      const world = new World(width, ceiling);
      slowest = Math.max(slowest, world.until(width, 60_000));
      world.pass(5000);
      if (world.search.mtu !== width || world.search.phase !== 'complete' || world.search.by !== 'probed')
        t.fail(`${width}: ${world.search.mtu} ${world.search.phase}`);
      if (world.largest > 9) t.fail(`${world.largest} packets in a round`);
    }
    t.ok(slowest <= 8000, `${slowest} ms at most`);
  });
}

t.test('a black hole: what is in use is lost while smaller packets pass', async (t) => {
  const world = new World(1500);
  world.pass(20_000);
  world.width = 1300;
  const ms = world.until(1300, 60_000);
  t.ok(ms <= 8000, `the new width after ${ms} ms`);
  world.pass(3000);
  t.match(world.search, { mtu: 1300, by: 'probed', phase: 'complete' });
});

t.test('a path that grows is found again, by a byte or to the full', async (t) => {
  const world = new World(1300);
  world.pass(20_000);
  for (const width of [1301, 1400, 1499, 1500]) {
    world.width = width;
    const ms = world.until(width, 60_000);
    t.ok(ms <= 16_000, `${width} after ${ms} ms`);
    world.pass(5000);
    t.match(world.search, { mtu: width, phase: 'complete' });
  }
});

t.test('ICMP is used at once, tested at once, and not believed below the floor', async (t) => {
  const world = new World(1500);
  world.pass(5000);
  world.width = 1400;
  t.ok(world.search.tooBig(1400, world.now));
  t.notOk(world.search.tooBig(1400, world.now), 'no news');
  t.notOk(world.search.tooBig(1450, world.now), 'more than is in use');
  t.notOk(world.search.tooBig(68, world.now));
  t.match(world.search, { mtu: 1400, by: 'icmp' });
  const before = world.sent;
  world.pass(300);
  t.equal(world.sent, before + 1);
  t.match(world.search, { mtu: 1400, by: 'icmp', phase: 'complete' });
});

t.test('ICMP from one hop, a narrower one behind it that swallows ICMP', async (t) => {
  const world = new World(1500);
  world.pass(5000);
  world.width = 1280;
  world.search.tooBig(1400, world.now);
  const ms = world.until(1280, 60_000);
  t.ok(ms <= 8000, `${ms} ms`);
});

t.test('ICMP that lied is found out in some seconds', async (t) => {
  const world = new World(1500);
  world.pass(5000);
  world.search.tooBig(600, world.now);
  const ms = world.until(1500, 60_000);
  t.ok(ms >= 5000 && ms <= 12_000, `${ms} ms`);
});

t.test("the kernel refuses: the link's own", async (t) => {
  const world = new World(1500);
  world.pass(5000);
  world.width = 1450;
  t.ok(world.search.refused(1450, world.now));
  t.match(world.search, { mtu: 1450, by: 'kernel' });
  world.search.refused(10, world.now);
  t.equal(world.search.mtu, FLOOR, 'never below the floor');
});

t.test('a path that is down as a whole says nothing of sizes', async (t) => {
  const world = new World(1400);
  world.pass(20_000);
  world.width = 0;
  // As long as it takes small probes to notice.
  world.pass(3000);
  world.alive = false;
  world.pass(120_000);
  t.equal(world.search.mtu, 1400);
  world.width = 1400;
  world.alive = true;
  world.pass(10_000);
  t.match(world.search, { mtu: 1400, phase: 'complete' });
});

t.test('not even the floor: an error, until it does', async (t) => {
  const world = new World(300);
  world.pass(20_000);
  t.match(world.search, { mtu: FLOOR, phase: 'error' });
  world.width = 1500;
  world.pass(5000);
  t.match(world.search, { mtu: 1500, phase: 'complete' });
});

t.test('loss by chance does not narrow a path', async (t) => {
  for (const width of [1500, 1400]) {
    const world = new World(width);
    world.pass(30_000);
    world.loss = 0.1;
    let wrong = 0;
    for (let i = 0; i < 600; i++) {
      world.pass(1000);
      if (world.search.mtu < width) wrong++;
      if (world.search.mtu > width) t.fail('more than the path takes');
    }
    t.ok(wrong < 60, `${width}: too narrow for ${wrong} of 600 seconds`);
    world.loss = 0;
    world.pass(30_000);
    t.equal(world.search.mtu, width);
  }
});

t.test('a ladder stands between its ends, small, ascending, and begins with the next size', async (t) => {
  for (let low = 100; low < 9000; low += 97) {
    for (let high = low + 1; high < 9300; high += 371) {
      const sizes = ladder(low, high);
      const sorted = sizes.every((size, i) => size > low && size < high && (i === 0 || size > sizes[i - 1]));
      if (!sorted || sizes.length > 6 || (high > low + 1 && sizes[0] !== low + 1)) t.fail(`${low} ${high}: ${sizes}`);
    }
  }
  t.same(ladder(10, 11), []);
  t.same(ladder(10, 13), [11, 12]);
});
