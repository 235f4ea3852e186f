import t from 'tap';
import { keyStatuses, removeKey, useKey } from '../../../../src/control/membership/key-rotation.js';
import { formatKeyId, Keyring } from '../../../../src/core/keyring.js';
import { statement } from './sample-card.js';

const ring = Keyring.of([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]);
const [first, second] = ring.ids;
const node = (name: string, ...keys: number[]) => statement(name, { keys });

t.test('what each key is, and who has it', async (t) => {
  const present = [node('alpha', first, second), node('bravo', second, first), node('charlie', first)];
  t.strictSame(keyStatuses(ring, present), [
    { id: formatKeyId(first), sealing: true, members: 3, alive: 3, missing: [], sealers: ['alpha', 'charlie'] },
    { id: formatKeyId(second), sealing: false, members: 2, alive: 3, missing: ['charlie'], sealers: ['bravo'] },
  ]);
});

t.test('a key is used once everybody has it', async (t) => {
  const late = Array.from({ length: 7 }, (_, i) => node(`late${i}`, first));
  t.throws(() => useKey(ring, second, [node('alpha', first, second), late[0]]), {
    code: 'REFUSED',
    message: /^late0 would not understand .*'podwire key add' there first; nothing was changed$/,
  });
  t.throws(() => useKey(ring, second, late), { message: /^late0, late1, late2, late3, late4 and 2 more would not/ });
  t.strictSame(useKey(ring, second, [node('alpha', first, second)]).ids, [second, first]);
  t.strictSame(ring.ids, [first, second], 'the ring itself stays');
  t.throws(() => useKey(ring, 1, late), { code: 'CONFIG' }, 'one that we have not');
});

t.test('a key is removed once nobody seals with it', async (t) => {
  const used = ring.use(second);
  t.throws(() => removeKey(used, first, [node('alpha', second, first), node('bravo', first, second)]), {
    code: 'REFUSED',
    message: /^bravo still seals .*'podwire key use' there first; nothing was changed$/,
  });
  t.strictSame(removeKey(used, first, [node('alpha', second, first), node('bravo', second, first)]).ids, [second]);
  t.throws(() => removeKey(used, second, []), { code: 'CONFIG' }, 'never the one that we seal with');
  t.throws(() => removeKey(used, 1, []), { code: 'CONFIG' });
});
