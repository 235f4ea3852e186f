/** What is native and what is not: switched off, missing, and what must not be hidden. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { twins } from '../../../src/bytes/index.js';
import { loadAddon } from '../../../src/os/addon.js';
import { bindLibc } from '../../../src/os/libc/library.js';
import { byteWork, findSystemCalls, loadNative, nativeKind, nativeMode } from '../../../src/os/native.js';
import { both } from './both-system-calls.js';

const [addon, koffi] = both;

/** A module in the addon's place. */
function standIn(t: Tap, source: string): { PODWIRE_ADDON: string } {
  const file = join(t.testdir(), 'addon.cjs');
  writeFileSync(file, source);
  return { PODWIRE_ADDON: file };
}

type Tap = { testdir(): string };

t.test('PODWIRE_NATIVE', { skip: addon.skip || koffi.skip }, (t) => {
  t.equal(nativeMode({}), 'on');
  t.equal(nativeMode({ PODWIRE_NATIVE: 'io' }), 'io');
  t.throws(() => nativeMode({ PODWIRE_NATIVE: 'yes' }), { code: 'CONFIG' });
  t.match(loadNative({}), { kind: 'addon', system: addon.system, slower: undefined });
  t.match(loadNative({ PODWIRE_NATIVE: 'io' }), { kind: 'io', system: addon.system, bytes: twins, slower: undefined });
  t.match(loadNative({ PODWIRE_NATIVE: 'off' }), {
    kind: 'off',
    system: koffi.system,
    bytes: twins,
    slower: /^the addon is switched off by PODWIRE_NATIVE=off: koffi .* slower; unset PODWIRE_NATIVE$/,
  });
  t.equal(byteWork({ PODWIRE_NATIVE: 'off' }), twins);
  t.equal(byteWork({ PODWIRE_NATIVE: 'io' }), twins);
  t.end();
});

t.test('in the place of a missing addon: koffi and the twins', { skip: koffi.skip }, (t) => {
  const env = { PODWIRE_ADDON: join(t.testdir(), 'none.node') };
  t.throws(() => loadAddon(env), { code: 'NO_ADDON', message: /npm rebuild/ });
  t.match(loadNative(env), {
    kind: 'off',
    bytes: twins,
    slower: /^the addon is not built: .*'npm rebuild'.*compiler$/,
  });
  t.strictSame(nativeKind(env), { kind: 'off', slower: loadNative(env).slower });
  t.match(findSystemCalls({ ...env, PODWIRE_NATIVE: 'io' }), { by: 'koffi' });
  t.equal(byteWork(env), twins);
  t.end();
});

t.test('koffi is missing, or does not load', (t) => {
  const failing = (error: Error) =>
    bindLibc((() => {
      throw error;
    }) as unknown as NodeJS.Require);
  const missing = Object.assign(new Error("Cannot find module 'koffi'\nRequire stack:"), { code: 'MODULE_NOT_FOUND' });
  t.match(failing(missing), { problem: 'koffi is not installed', cure: "'npm install koffi'" });
  t.match(failing(new Error('no binary\nfor this')), { problem: 'koffi does not load (no binary)' });
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
  t.throws(() => loadNative(env), { message: 'broken build' });
  t.end();
});
