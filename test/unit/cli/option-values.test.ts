import t from 'tap';
import { between, listOption, numbers, someOf, whole } from '../../../src/cli/option-values.js';

t.test('what is a value is taken, what is none is told with what was wanted', async (t) => {
  t.equal(between(0.5, 9)('0.5'), 0.5);
  for (const text of ['', 'x', '0.4', '10', 'NaN'])
    t.throws(() => between(0.5, 9)(text), { message: 'Write a number from 0.5 to 9.' }, text);
  t.throws(() => between(1, 2, 'a number of seconds')('3'), { message: 'Write a number of seconds from 1 to 2.' });

  t.equal(whole()('0'), 0);
  for (const text of ['', '-1', '1.5', '1e99'])
    t.throws(() => whole()(text), { message: 'Write a whole number, 0 at least.' });
  t.throws(() => whole(2, 9)('1'), { message: 'Write a whole number from 2 to 9.' });

  t.same(numbers(1, 9)('3,1'), [3, 1]);
  for (const text of ['', '1,', '1,10', '1.5'])
    t.throws(() => numbers(1, 9)(text), { message: /^Write a whole number/ });

  t.same(someOf(['a', 'b', 'c'])('c, a'), ['a', 'c'], 'in their own order');
  for (const text of ['', 'a,d', 'a,']) t.throws(() => someOf(['a', 'b'])(text), { message: 'Write some of a, b.' });
});

t.test('a list shows its default as it is written', async (t) => {
  const { defaultValue, defaultValueDescription } = listOption('--sizes <LIST>', 'bytes', [1, 2], numbers(1, 9));
  t.same([defaultValue, defaultValueDescription], [[1, 2], '1,2']);
});
