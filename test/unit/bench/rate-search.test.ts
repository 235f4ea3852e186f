/** The search of the highest rate without loss, on paths whose capacity is known. */
import fc from 'fast-check';
import t from 'tap';
import { RateSearch, type RateSearchOptions } from '../../../src/bench/rate-search.js';

const SENT = 100_000;

/** A path that loses what is above its capacity, behind a sender that can do so much. */
function search(options: RateSearchOptions, capacity: number, sender = Number.POSITIVE_INFINITY) {
  const found = new RateSearch(options);
  const asked: number[] = [];
  for (let rate = found.next(); rate !== undefined; rate = found.next()) {
    asked.push(rate);
    if (asked.length > 200) throw new Error('it comes to no end');
    const real = Math.min(rate, sender);
    const received = Math.floor(SENT * Math.min(1, capacity / real));
    found.take({ rate: real, sent: SENT, received });
  }
  return { best: found.best, senderLimited: found.senderLimited, asked };
}

t.test('a path without a limit: one trial, and the sender is what limits', async (t) => {
  const { best, senderLimited, asked } = search({ most: 1000, tolerance: 0.05, lossAllowed: 0 }, 5000);
  t.same({ best, senderLimited, asked }, { best: 1000, senderLimited: true, asked: [1000] });
});

t.test('halves, by hand', async (t) => {
  const { best, senderLimited, asked } = search({ most: 1000, tolerance: 0.1, lossAllowed: 0 }, 600);
  t.same(asked, [1000, 500, 750, 625, 562.5]);
  t.same([best, senderLimited], [562.5, false]);
});

t.test('within the tolerance below the capacity, whatever that is', async () => {
  const part = fc.double({ min: 0.01, max: 0.99, noNaN: true });
  fc.assert(
    fc.property(part, fc.double({ min: 0.005, max: 0.4, noNaN: true }), (capacity, tolerance) => {
      const { best, asked } = search({ most: 1e6, tolerance, lossAllowed: 0 }, capacity * 1e6);
      // What is lost of less than one datagram is not lost.
      const real = capacity * 1e6 * (1 + 1 / SENT);
      return best <= real && best >= (real / (1 + 1 / SENT)) * (1 - tolerance) && asked.length < 40;
    }),
  );
});

t.test('some loss may be allowed', async (t) => {
  const { best } = search({ most: 1000, tolerance: 0.01, lossAllowed: 0.2 }, 400);
  t.ok(best > 400 && best <= 500, `${best}`);
});

t.test('a path that carries nothing', async (t) => {
  const { best, senderLimited, asked } = search({ most: 1000, tolerance: 0.05, lossAllowed: 0 }, 0);
  t.same([best, senderLimited], [0, false]);
  t.ok(asked.length < 15);
});

t.test('a sender that becomes slow: what it really sent counts, and there is an end', async (t) => {
  const found = new RateSearch({ most: 1000, tolerance: 0.05, lossAllowed: 0 });
  t.equal(found.next(), 1000);
  found.take({ rate: 1000, sent: 1000, received: 900 });
  t.equal(found.next(), 500);
  found.take({ rate: 300, sent: 300, received: 300 });
  t.equal(found.next(), undefined);
  t.same([found.best, found.senderLimited], [300, true]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.double({ min: 0, max: 2, noNaN: true }), fc.boolean())), (trials) => {
      const wild = new RateSearch({ most: 1000, tolerance: 0.001, lossAllowed: 0 });
      let n = 0;
      for (let rate = wild.next(); rate !== undefined; rate = wild.next()) {
        const [part, lost] = trials[n % Math.max(1, trials.length)] ?? [1, true];
        wild.take({ rate: rate * part, sent: 10, received: lost ? 9 : 10 });
        if (++n > 100) return false;
      }
      return wild.best <= 1000;
    }),
  );
});
