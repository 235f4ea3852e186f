import t from 'tap';
import { rises, slopeOf, verdictOf, worst } from '../../../bench/slope.js';

t.test('a line is found again, with no error', async (t) => {
  t.strictSame(slopeOf([0, 1, 2, 3].map((x) => [x, 7 + 2 * x])), { perMinute: 2, error: 0 });
});

t.test('least squares, against a sum done by hand', async (t) => {
  // Means 1 and 2, slope 1/2; residuals 1/2, -1, 1/2, so their squares' sum is 1.5, over one degree of freedom.
  const { perMinute, error } = slopeOf([
    [0, 2],
    [1, 1],
    [2, 3],
  ]);
  t.equal(perMinute, 0.5);
  t.ok(Math.abs(error - Math.sqrt(1.5 / 2)) < 1e-12);
});

t.test('a verdict needs twice the error as room', async (t) => {
  t.equal(verdictOf({ perMinute: 50, error: 20 }, 100), 'steady');
  t.equal(verdictOf({ perMinute: 50, error: 40 }, 100), 'undecided');
  t.equal(verdictOf({ perMinute: 150, error: 40 }, 100), 'undecided');
  t.equal(verdictOf({ perMinute: 150, error: 20 }, 100), 'grows');
});

t.test('of many verdicts the worst', async (t) => {
  t.equal(worst(['steady', 'grows', 'undecided']), 'grows');
  t.equal(worst(['steady', 'undecided', 'steady']), 'undecided');
  t.equal(worst(['steady']), 'steady');
});

t.test('a count that rises is told from one that comes and goes', async (t) => {
  t.notOk(rises([45, 45, 46, 45, 45, 45]));
  t.notOk(rises([45, 46, 45, 46, 46, 46]), 'it was so high before');
  t.notOk(rises([47, 46, 46, 45]));
  t.ok(rises([45, 45, 46, 46]));
});
