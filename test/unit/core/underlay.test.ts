import t from 'tap';
import {
  chosenUnderlay,
  noSharedFamily,
  reachable,
  sameUnderlay,
  sharedFamilies,
  underlayText,
} from '../../../src/core/underlay.js';
import { address } from '../control/sample-config.js';

const [four, six] = ['192.0.2.1', '2001:db8::1'].map(address);
const [near, far] = ['192.0.2.2', '2001:db8::2'].map(address);

t.test('families that two nodes share', async (t) => {
  t.strictSame(sharedFamilies([six, four], [far, near]), [4, 6], 'IPv4 first, however they are written');
  t.strictSame(sharedFamilies([four], [far, near]), [4]);
  t.strictSame(sharedFamilies([four], [far]), []);
  t.strictSame(sharedFamilies([], [far]), []);
});

t.test('where another is reached', async (t) => {
  t.strictSame(reachable([four, six], [near, far]), [near, far]);
  t.strictSame(reachable([four, six], [near, far], [4]), [far, near]);
  t.strictSame(reachable([four], [near, far], [4]), [near], 'the only way is a way');
  t.strictSame(reachable([four], [far]), []);
  t.equal(
    noSharedFamily('bravo', [four], [far]),
    'no common underlay family with bravo: this node has IPv4, bravo has IPv6',
  );
});

t.test('the same addresses, in any order', async (t) => {
  t.ok(sameUnderlay([four, six], [six, four]));
  t.notOk(sameUnderlay([four], [six, four]));
  t.notOk(sameUnderlay([four, six], [four, far]));
  t.equal(underlayText([four, six]), '192.0.2.1 and 2001:db8::1');
});

t.test('which own addresses a node takes', async (t) => {
  const trial = (source: typeof four, reached = false) => ({ source, reached });
  t.strictSame(chosenUnderlay([]), []);
  t.strictSame(chosenUnderlay([trial(six), trial(four)]), [four, six], 'one of each family');
  t.strictSame(chosenUnderlay([trial(four), trial(near), trial(near)]), [near], 'most routes');
  t.strictSame(chosenUnderlay([trial(four), trial(near)]), [four], 'among equals the first');
  t.strictSame(chosenUnderlay([trial(four), trial(near), trial(near), trial(four, true)]), [four], 'who was reached');
  t.strictSame(chosenUnderlay([trial(four), trial(six, true)]), [six], 'a family over which nobody is reached is none');
});
