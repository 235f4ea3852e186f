import t from 'tap';
import { parseMac } from '../../../src/core/mac.js';
import { answerArp, arpTarget, isArpRequest, writeArpRequest } from '../../../src/wire/arp.js';
import { words } from './packets.js';
import { vectors } from './vectors.js';

const [vector] = vectors<{ sender: string; target: string; mac: string }>('arp');
const mac = parseMac(vector.fields.mac) ?? new Uint8Array();
const request = () => Buffer.from(vector.bytes);

t.test('a request of Linux is answered as Linux answers it', async (t) => {
  const frame = Buffer.concat([Buffer.alloc(7, 0xee), request(), Buffer.alloc(18, 0xee)]);
  t.ok(isArpRequest(frame, 7 + 14, 28 + 18));
  t.equal(arpTarget(frame, 7 + 14), words(vector.fields.target)[3]);
  t.equal(answerArp(frame, 7, mac), 42);
  t.same(frame.subarray(7, 49), vector.answer);
  t.ok(Buffer.concat([frame.subarray(0, 7), frame.subarray(49)]).every((byte) => byte === 0xee));
});

t.test('a request is written as Linux writes it', async (t) => {
  const frame = Buffer.alloc(42);
  const sender = vector.bytes.subarray(6, 12);
  t.equal(writeArpRequest(frame, 0, sender, words(vector.fields.sender)[3], words(vector.fields.target)[3]), 42);
  t.same(frame, vector.bytes);
});

t.test('nothing else is a request', async (t) => {
  const is = (frame: Buffer) => isArpRequest(frame, 14, frame.length - 14);
  t.ok(is(request()));
  t.notOk(is(vector.answer), 'a reply');
  for (let length = 0; length < 28; length++) t.notOk(isArpRequest(request(), 14, length), `${length} bytes`);
  for (let i = 14; i < 22; i++) {
    const frame = request();
    frame[i] ^= 1;
    t.notOk(is(frame), `byte ${i} other`);
  }
  const probe = request();
  probe.fill(0, 28, 32);
  t.notOk(is(probe), 'a probe');
  const announcement = request();
  announcement.copyWithin(38, 28, 32);
  t.notOk(is(announcement), 'an announcement');
  t.notOk(is(request().fill(0xff, 22, 28)), 'from a group MAC');
  t.notOk(is(request().fill(0, 22, 28)), 'from no MAC');
});
