import t from 'tap';
import { PathQuality } from '../../../src/core/path-quality.js';

t.test('nothing is known at first', async (t) => {
  const { rttMs, lastRttMs, lossPercent, misses } = new PathQuality();
  t.same({ rttMs, lastRttMs, lossPercent, misses }, { rttMs: null, lastRttMs: null, lossPercent: null, misses: 0 });
});

t.test('the round trip is smoothed, an eighth of each new one', async (t) => {
  const quality = new PathQuality();
  quality.answered(8);
  t.equal(quality.rttMs, 8);
  quality.answered(16);
  t.equal(quality.rttMs, 9);
  t.equal(quality.lastRttMs, 16);
});

t.test('the loss is that of the last twenty probes', async (t) => {
  const quality = new PathQuality();
  quality.lost();
  t.equal(quality.lossPercent, 100);
  quality.answered(1);
  t.equal(quality.lossPercent, 0, 'what was lost before the first answer was a node that had not started');
  quality.lost();
  t.equal(quality.lossPercent, 50);
  for (let i = 0; i < 18; i++) quality.answered(1);
  t.equal(quality.lossPercent, 5);
  quality.answered(1);
  quality.answered(1);
  t.equal(quality.lossPercent, 0, 'the first loss is forgotten');
  for (let i = 1; i <= 25; i++) {
    quality.lost();
    t.equal(quality.lossPercent, Math.min(100, 5 * i));
    t.equal(quality.misses, i);
  }
  quality.answered(1);
  t.equal(quality.lossPercent, 95);
  t.equal(quality.misses, 0);
});
