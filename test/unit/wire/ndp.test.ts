import t from 'tap';
import { parseMac } from '../../../src/core/mac.js';
import { IpView } from '../../../src/wire/ip.js';
import {
  ADVERTISEMENT_FRAME,
  isNeighbourSolicitation,
  solicitedWord,
  writeAdvertisement,
} from '../../../src/wire/ndp.js';
import { transportChecksum, withChecksum, words } from './packets.js';
import { vectors } from './vectors.js';

const all = vectors<{ source: string; target: string; mac: string }>('ndp');

/** A view on the packet in an Ethernet frame. */
function viewIn(frame: Buffer): IpView {
  const view = new IpView();
  if (!view.parse(frame, 14, frame.length - 14)) throw new Error('not a packet');
  return view;
}

for (const { name, bytes, answer, fields } of all) {
  t.test(`a solicitation of Linux is answered as Linux answers it: ${name}`, async (t) => {
    const view = viewIn(bytes);
    t.ok(isNeighbourSolicitation(view));
    t.same(
      [0, 1, 2, 3].map((i) => solicitedWord(view, i)),
      words(fields.target),
    );

    const mac = parseMac(fields.mac) ?? new Uint8Array();
    const target = Buffer.alloc(7 + ADVERTISEMENT_FRAME + 9, 0xee);
    t.equal(writeAdvertisement(view, mac, target, 7), ADVERTISEMENT_FRAME);
    const ours = target.subarray(7, 7 + ADVERTISEMENT_FRAME);
    t.equal(transportChecksum(Buffer.from(ours.subarray(14))), 0);
    t.ok(Buffer.concat([target.subarray(0, 7), target.subarray(-9)]).every((byte) => byte === 0xee));

    // Linux, which forwards there, has the router flag set, and may label the flow: nothing else differs.
    const expected = Buffer.from(answer);
    expected[14 + 40 + 4] &= 0x7f;
    expected.fill(0, 15, 18);
    withChecksum(expected.subarray(14), 2);
    t.same(ours, expected);
  });
}

t.test('nothing else is a solicitation', async (t) => {
  const [{ bytes, answer }] = all;
  const PACKET = 14;
  const MESSAGE = PACKET + 40;
  const changed = (change: (frame: Buffer) => void, sum = true) => {
    const frame = Buffer.from(bytes);
    change(frame);
    if (sum) withChecksum(frame.subarray(PACKET), 2);
    return isNeighbourSolicitation(viewIn(frame));
  };
  t.ok(changed(() => {}));
  t.notOk(isNeighbourSolicitation(viewIn(answer)), 'an advertisement');
  t.notOk(
    changed((frame) => frame.fill(0xff, MESSAGE + 2, MESSAGE + 4), false),
    'wrong checksum',
  );
  t.notOk(
    changed((frame) => frame.fill(254, PACKET + 7, PACKET + 8)),
    'hop limit 254',
  );
  t.notOk(
    changed((frame) => frame.fill(1, MESSAGE + 1, MESSAGE + 2)),
    'code 1',
  );
  t.notOk(
    changed((frame) => frame.fill(0, PACKET + 8, PACKET + 24)),
    'duplicate address detection',
  );
  t.notOk(
    changed((frame) => frame.fill(0xff, PACKET + 8, PACKET + 9)),
    'from a group',
  );
  t.notOk(
    changed((frame) => frame.fill(0xff, MESSAGE + 8, MESSAGE + 9)),
    'about a group',
  );
  t.notOk(
    changed((frame) => frame.fill(0, MESSAGE + 25, MESSAGE + 26)),
    'an option of length 0',
  );
  t.notOk(
    changed((frame) => frame.fill(2, MESSAGE + 25, MESSAGE + 26)),
    'an option longer than the message',
  );
  t.notOk(
    changed((frame) => frame.fill(6, PACKET + 6, PACKET + 7)),
    'TCP',
  );
  const without = Buffer.from(bytes.subarray(0, MESSAGE + 24));
  without.writeUInt16BE(24, PACKET + 4);
  withChecksum(without.subarray(PACKET), 2);
  t.ok(isNeighbourSolicitation(viewIn(without)), 'options are not needed');
  const short = Buffer.from(without.subarray(0, MESSAGE + 23));
  short.writeUInt16BE(23, PACKET + 4);
  withChecksum(short.subarray(PACKET), 2);
  t.notOk(isNeighbourSolicitation(viewIn(short)), 'too short');
});
