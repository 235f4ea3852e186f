import t from 'tap';
import { copyMac, macEquals, macIsGroup, macIsZero, writeEthernetHeader } from '../../../src/wire/ethernet.js';

const one = Uint8Array.of(2, 0, 0, 0, 0, 1);

t.test('every byte of a MAC is compared', async (t) => {
  const bytes = Buffer.from([9, 9, ...one, 9]);
  t.ok(macEquals(bytes, 2, one));
  for (let i = 0; i < 6; i++) {
    const other = Uint8Array.from(one);
    other[i] ^= 0x40;
    t.notOk(macEquals(bytes, 2, other), `byte ${i}`);
  }
});

t.test('groups and zero', async (t) => {
  t.ok(macIsGroup(Buffer.alloc(6, 0xff), 0));
  t.ok(macIsGroup(Buffer.from('333300000001', 'hex'), 0));
  t.notOk(macIsGroup(one, 0));
  t.ok(macIsZero(Buffer.from([1, 0, 0, 0, 0, 0, 0, 1]), 1));
  for (let i = 0; i < 6; i++) {
    const bytes = Buffer.alloc(6);
    bytes[i] = 0x80;
    t.notOk(macIsZero(bytes, 0), `byte ${i}`);
  }
});

t.test('a header', async (t) => {
  const bytes = Buffer.alloc(16, 0xee);
  writeEthernetHeader(bytes, 1, Uint8Array.of(2, 0, 0, 0, 0, 2), one, 0x86dd);
  t.equal(bytes.toString('hex'), 'ee02000000000202000000000186ddee');
  copyMac(bytes, 7, bytes, 1);
  t.equal(bytes.toString('hex'), 'ee02000000000102000000000186ddee');
});
