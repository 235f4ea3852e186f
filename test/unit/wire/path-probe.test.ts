import t from 'tap';
import { parseMac } from '../../../src/core/mac.js';
import {
  decodePathProbe,
  ETHERTYPE_PATH_PROBE,
  encodePathProbe,
  PATH_PROBE_FRAME,
  type PathProbe,
  pathProbeId,
  verifyPathProbe,
} from '../../../src/wire/path-probe.js';
import { checkVxlan, encapsulationPrefix, VXLAN_HEADER, VXLAN_OK } from '../../../src/wire/vxlan.js';
import { vectors } from './vectors.js';

interface Fields {
  vni: number;
  destination: string;
  source: string;
  kind: PathProbe['kind'];
  sequence: number;
  from: string;
  to: string;
  timestamp: string;
  key: string;
}

function mac(text: string): Uint8Array {
  const mac = parseMac(text);
  if (!mac) throw new Error(`${text} is no MAC`);
  return mac;
}

const OTHER_KEY = Buffer.alloc(32, 9);
const VECTORS = vectors<Fields>('path-probe');

for (const { name, bytes, fields } of VECTORS) {
  t.test(`vector: ${name}`, async (t) => {
    const probe: PathProbe = {
      kind: fields.kind,
      sequence: fields.sequence,
      sender: pathProbeId(fields.from),
      target: pathProbeId(fields.to),
      timestamp: BigInt(fields.timestamp),
    };
    const key = Buffer.from(fields.key, 'hex');
    const prefix = encapsulationPrefix(fields.vni, mac(fields.destination), mac(fields.source));
    t.equal(encodePathProbe(probe, prefix, key).toString('hex'), bytes.toString('hex'));

    t.equal(checkVxlan(bytes, 0, bytes.length, fields.vni), VXLAN_OK);
    const frame = bytes.subarray(VXLAN_HEADER);
    t.equal(frame.length, PATH_PROBE_FRAME);
    t.equal(frame.readUInt16BE(12), ETHERTYPE_PATH_PROBE);
    t.same(decodePathProbe(frame), probe);
    t.ok(verifyPathProbe(frame, [key]));
    t.ok(verifyPathProbe(frame, [OTHER_KEY, key]), 'any of the keys');
    t.notOk(verifyPathProbe(frame, [OTHER_KEY]));
    t.notOk(verifyPathProbe(frame, []));
  });
}

t.test('the MAC covers every bit', async (t) => {
  const [{ bytes, fields }] = VECTORS;
  const key = Buffer.from(fields.key, 'hex');
  const frame = Buffer.from(bytes.subarray(VXLAN_HEADER));
  for (let bit = 0; bit < 8 * PATH_PROBE_FRAME; bit++) {
    frame[bit >> 3] ^= 1 << (bit & 7);
    t.notOk(verifyPathProbe(frame, [key]), `bit ${bit}`);
    frame[bit >> 3] ^= 1 << (bit & 7);
  }
  t.ok(verifyPathProbe(frame, [key]));
});

t.test('what is no probe of this version', async (t) => {
  const [{ bytes }] = VECTORS;
  const frame = bytes.subarray(VXLAN_HEADER);
  const changed = (at: number, value: number) => {
    const copy = Buffer.from(frame);
    copy[at] = value;
    return copy;
  };
  for (let length = 0; length < frame.length; length++) t.equal(decodePathProbe(frame.subarray(0, length)), undefined);
  t.equal(decodePathProbe(Buffer.concat([frame, Buffer.alloc(1)])), undefined, 'a byte too long');
  t.equal(decodePathProbe(changed(12, 0x08)), undefined, 'another ethertype');
  t.equal(decodePathProbe(changed(14, 2)), undefined, 'another version');
  for (const kind of [0, 3, 255]) t.equal(decodePathProbe(changed(15, kind)), undefined, `kind ${kind}`);
  t.same(decodePathProbe(changed(16, 1)), decodePathProbe(frame), 'reserved bytes are ignored');
});
