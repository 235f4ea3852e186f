/** The addon and the twins agree to the bit on random input. */
import t from 'tap';
import { twins } from '../../../src/bytes/index.js';
import { loadAddon } from '../../../src/os/addon.js';
import { compare } from './twins.js';

function addonSkip(): string | false {
  try {
    loadAddon();
    return false;
  } catch (error) {
    return `needs the addon: ${(error as Error).message}`;
  }
}

t.test('sum, split, join and alike: C and TypeScript, whole packets and garbage', { skip: addonSkip() }, (t) => {
  const seed = Number(process.env['PODWIRE_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`seed ${seed}`);
  t.equal(compare(loadAddon(), twins, seed, Number(process.env['PODWIRE_FUZZ'] ?? 1500)), undefined);
  t.end();
});

t.test('wrong arguments throw, and write nothing', { skip: addonSkip() }, (t) => {
  for (const work of [loadAddon(), twins]) {
    const bytes = Buffer.alloc(100, 0x45);
    t.throws(() => work.sum(bytes, 90, 11, 0), RangeError);
    t.throws(() => work.sum(bytes, -1, 1, 0), RangeError);
    t.throws(() => work.sum(bytes, 0, 1, -1), RangeError);
    t.throws(() => work.split(bytes, 0, 80, 20, 28, true, 0, 80, 4, 84, 100), RangeError);
    t.throws(() => work.split(bytes, 0, 101, 20, 28, true, 10, 80, 4, 84, 100), RangeError);
    t.throws(
      () => work.split(bytes, 0, 40, 20, 28, true, 100, 90, 4, 30, 100),
      RangeError,
      'frames over their own packet',
    );
    t.throws(() => work.join(bytes, new Int32Array(12), 2, new Int32Array(24), true, true), RangeError);
    t.throws(
      () => work.join(bytes, Int32Array.of(5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1, new Int32Array(12), true, true),
      RangeError,
    );
    t.throws(
      () => work.join(bytes, Int32Array.of(95, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1, new Int32Array(12), true, true),
      RangeError,
    );
    t.throws(() => work.alike(bytes, 1, 10, 9, Buffer.alloc(10)), RangeError);
    t.throws(() => work.alike(bytes, 0, 10, 9, Buffer.alloc(11)), RangeError);
    t.throws(() => work.alike(bytes, -1, 10, 1, Buffer.alloc(10)), RangeError);
    t.same(bytes, Buffer.alloc(100, 0x45));
  }
  t.end();
});
