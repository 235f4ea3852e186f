/** The addon's loader: what is switched off, what is missing, and what must not be hidden. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { twins } from '../../../src/bytes/index.js';
import { byteWork, byteWorkKind, loadAddon, nativeMode } from '../../../src/os/addon.js';

/** A module in the addon's place. */
function standIn(t: Tap, source: string): { PODWIRE_ADDON: string } {
  const file = join(t.testdir(), 'addon.cjs');
  writeFileSync(file, source);
  return { PODWIRE_ADDON: file };
}

type Tap = { testdir(): string };

t.test('PODWIRE_NATIVE', (t) => {
  t.equal(nativeMode({}), 'on');
  t.equal(nativeMode({ PODWIRE_NATIVE: 'io' }), 'io');
  t.throws(() => nativeMode({ PODWIRE_NATIVE: 'yes' }), { code: 'CONFIG' });
  t.throws(() => loadAddon({ PODWIRE_NATIVE: 'off' }), { code: 'NO_ADDON' });
  t.equal(byteWork({ PODWIRE_NATIVE: 'off' }), twins);
  t.equal(byteWork({ PODWIRE_NATIVE: 'io' }), twins);
  t.end();
});

t.test('a missing addon is what the twins are for', (t) => {
  const env = { PODWIRE_ADDON: join(t.testdir(), 'none.node') };
  t.throws(() => loadAddon(env), { code: 'NO_ADDON', message: /npm rebuild/ });
  t.equal(byteWork(env), twins);
  t.equal(byteWorkKind(env), 'io');
  t.end();
});

t.test('an addon of another version is not used', (t) => {
  const env = standIn(t, "exports.version = '0.0.0-other';");
  t.throws(() => loadAddon(env), { code: 'NO_ADDON', message: /0\.0\.0-other.*npm rebuild/ });
  t.end();
});

t.test('a broken addon is not taken for a missing one', (t) => {
  const env = standIn(t, "throw new Error('broken build');");
  t.throws(() => loadAddon(env), { message: 'broken build' });
  t.throws(() => byteWork(env), { message: 'broken build' });
  t.end();
});
