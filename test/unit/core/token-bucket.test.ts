import t from 'tap';
import { TokenBucket } from '../../../src/core/token-bucket.js';

/** How many of `tries` at one moment succeed. */
function taken(bucket: TokenBucket, nowMs: number, tries: number): number {
  let taken = 0;
  for (let i = 0; i < tries; i++) if (bucket.take(nowMs)) taken++;
  return taken;
}

t.test('a burst, then the rate', async (t) => {
  const bucket = new TokenBucket(100, 10);
  t.equal(taken(bucket, 5000, 50), 10);
  t.equal(taken(bucket, 5009, 1), 0, 'a token every 10 ms');
  t.equal(taken(bucket, 5010, 5), 1);
  t.equal(taken(bucket, 5050, 50), 4);
  t.equal(taken(bucket, 9_000_000, 50), 10, 'never more than the burst');
});

t.test('over time it gives the rate, however often it is asked', async (t) => {
  const bucket = new TokenBucket(30, 5);
  let sum = 0;
  for (let ms = 0; ms < 10_000; ms++) sum += taken(bucket, ms, 3);
  t.ok(Math.abs(sum - 305) <= 1, `${sum} tokens in ten seconds`);
});

t.test('a clock that steps back neither gives nor blocks', async (t) => {
  const bucket = new TokenBucket(1000, 2);
  t.equal(taken(bucket, 10_000, 5), 2);
  t.equal(taken(bucket, 0, 5), 0);
  t.equal(taken(bucket, 1, 5), 1);
});

t.test('to ask whether there is one costs none', async (t) => {
  const bucket = new TokenBucket(100, 2);
  for (let i = 0; i < 5; i++) t.equal(bucket.has(5000), true);
  t.equal(taken(bucket, 5000, 5), 2);
  t.equal(bucket.has(5009), false);
  t.equal(bucket.has(5010), true);
});
