import { createHash } from 'node:crypto';
import t from 'tap';
import { formatMac, macFromName, parseMac } from '../../../src/core/mac.js';

t.test('a MAC from a name is always the same, local and unicast', async (t) => {
  t.equal(formatMac(macFromName('alpha')), formatMac(macFromName('alpha')));
  const hash = createHash('sha256').update(Buffer.from('podwire mac\0alpha')).digest('hex').slice(2, 12);
  t.equal(formatMac(macFromName('alpha')).replaceAll(':', '').slice(2), hash);
  const seen = new Set<string>();
  for (let i = 0; i < 1000; i++) {
    const mac = macFromName(`node-${i}`);
    t.equal(mac[0] & 3, 2);
    seen.add(formatMac(mac));
  }
  t.equal(seen.size, 1000);
});

t.test('text', async (t) => {
  t.same(parseMac('02:00:5E:10:00:ff'), Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255));
  t.equal(formatMac(Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255)), '02:00:5e:10:00:ff');
  for (const text of [
    '',
    '02:00:5e:10:00',
    '02:00:5e:10:00:ff:01',
    '2:0:5e:10:0:ff',
    '02-00-5e-10-00-ff',
    '02005e1000ff',
  ]) {
    t.equal(parseMac(text), undefined, text);
  }
  t.equal(parseMac('02:00:5e:10:00:fg'), undefined);
  t.equal(parseMac(' 02:00:5e:10:00:ff\n'), undefined);
});
