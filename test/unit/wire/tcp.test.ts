import t from 'tap';
import { findMss } from '../../../src/wire/tcp.js';
import { tcp } from './packets.js';
import { vectors } from './vectors.js';

/** The MSS found in a header with these options, standing among other bytes; -1 if none is. */
function mss(options: number[], cut = 0): number {
  const segment = tcp([1, 2], 2, Buffer.from(options));
  const bytes = Buffer.concat([Buffer.alloc(3, 0xee), segment, Buffer.from([2, 4, 9, 9])]);
  const at = findMss(bytes, 3, 3 + segment.length - cut);
  return at === -1 ? -1 : bytes.readUInt16BE(at);
}

t.test('vectors', async (t) => {
  for (const { name, bytes, fields } of vectors<{ transport: number; mss?: number }>('ip')) {
    if (fields.mss === undefined) continue;
    t.equal(bytes.readUInt16BE(findMss(bytes, fields.transport, bytes.length)), fields.mss, name);
  }
});

t.test('the option is found among others', async (t) => {
  t.equal(mss([2, 4, 5, 0xb4]), 1460);
  t.equal(mss([1, 1, 1, 2, 4, 5, 0xb4]), 1460);
  t.equal(mss([3, 3, 7, 4, 2, 2, 4, 5, 0xb4]), 1460);
  t.equal(mss([]), -1);
  t.equal(mss([3, 3, 7]), -1);
  t.equal(mss([0, 2, 4, 5, 0xb4]), -1, 'behind the end');
});

t.test('options that cannot be read end the search', async (t) => {
  t.equal(mss([3, 0, 2, 4, 5, 0xb4]), -1, 'length 0');
  t.equal(mss([3, 1, 2, 4, 5, 0xb4]), -1, 'length 1');
  t.equal(mss([3, 255, 2, 4, 5, 0xb4]), -1, 'length past the end');
  t.equal(mss([2, 3, 5, 0]), -1, 'an MSS of one byte');
  t.equal(mss([2, 6, 5, 0xb4, 0, 0]), -1, 'an MSS of four bytes');
  t.equal(mss([1, 1, 1, 2]), -1, 'kind without length');
  t.equal(mss([1, 1, 2, 4]), -1, 'length without value, though bytes follow');
  t.equal(mss([2, 4, 5, 0xb4], 1), -1, 'packet ends inside the header');
  const header = tcp([1, 2], 2, Buffer.alloc(0));
  header[12] = 0x40;
  t.equal(findMss(header, 0, 20), -1, 'a data offset below the header');
});
