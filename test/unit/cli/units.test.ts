import t from 'tap';
import { bitRateText, bytesText, countText, durationText, rateText } from '../../../src/cli/units.js';

t.test('bytes', async (t) => {
  const values = [0, 1, 1023, 1024, 1536, 102_400, 1024 ** 2 - 1, 1024 ** 3, 1.6e9, 5e15];
  t.strictSame(values.map(bytesText), [
    '0 B',
    '1 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '100 KiB',
    '1.0 MiB',
    '1.0 GiB',
    '1.5 GiB',
    '4.4 PiB',
  ]);
});

t.test('counts', async (t) => {
  t.strictSame([0, 999, 1000, 1_234_567, 2 ** 53].map(countText), [
    '0',
    '999',
    '1,000',
    '1,234,567',
    '9,007,199,254,740,992',
  ]);
});

t.test('rates', async (t) => {
  t.strictSame([0, 0.4, 999, 1000, 12_345, 1e9].map(rateText), [
    '0/s',
    '0.4/s',
    '999/s',
    '1.0k/s',
    '12.3k/s',
    '1.0G/s',
  ]);
  t.strictSame([0, 125, 1e9].map(bitRateText), ['0 bit/s', '1.0 kbit/s', '8.0 Gbit/s']);
});

t.test('times', async (t) => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];
  const values = [0, 440, 59 * second, minute, 12 * minute + 5 * second, 3 * hour + 12 * minute, 4 * day + 2 * hour];
  t.strictSame(values.map(durationText), ['0.0s', '0.4s', '59s', '1m 0s', '12m 5s', '3h 12m', '4d 2h']);
});
