import t from 'tap';
import { parseMac } from '../../../src/core/mac.js';
import {
  decodePathProbe,
  ETHERTYPE_PATH_PROBE,
  encodeFiller,
  encodePathProbe,
  PATH_PROBE_FRAME,
  type PathProbe,
  pathProbeId,
  pathProbeIsWhole,
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
  for (const version of [0, 2, 3]) t.equal(decodePathProbe(changed(14, version)), undefined, `version ${version}`);
  for (const kind of [0, 3, 255]) t.equal(decodePathProbe(changed(15, kind)), undefined, `kind ${kind}`);
  t.same(decodePathProbe(changed(16, 1)), decodePathProbe(frame), 'the length of what is not padded is ignored');
});

t.test('a padded request: the MAC covers its length, the padding is let go of', async (t) => {
  const [{ fields }] = VECTORS;
  const key = Buffer.from(fields.key, 'hex');
  const prefix = encapsulationPrefix(1, mac(fields.destination), mac(fields.source));
  const probe: PathProbe = { kind: 'request', sequence: 9, sender: 1n, target: 2n, timestamp: 3n, length: 1450 };
  const whole = encodePathProbe(probe, prefix, key).subarray(VXLAN_HEADER);
  t.equal(whole.length, 1450);
  t.equal(whole.subarray(12, 18).toString('hex'), '88b5020105aa', 'ethertype, version, kind, length');
  t.ok(pathProbeIsWhole(whole, 0, whole.length));
  for (const length of [0, 61, PATH_PROBE_FRAME, 1449, 1451]) t.notOk(pathProbeIsWhole(whole, 0, length), `${length}`);
  const frame = whole.subarray(0, PATH_PROBE_FRAME);
  t.same(decodePathProbe(frame), probe);
  t.ok(verifyPathProbe(frame, [key]));
  const longer = Buffer.from(frame);
  longer.writeUInt16BE(1451, 16);
  t.notOk(verifyPathProbe(longer, [key]), 'nobody else makes it longer');
  longer.writeUInt16BE(PATH_PROBE_FRAME, 16);
  t.equal(decodePathProbe(longer), undefined, 'padded with nothing');
  const reply = Buffer.from(frame);
  reply[15] = 2;
  t.equal(decodePathProbe(reply), undefined, 'a reply is never padded');
});

t.test('a filler is a frame of its length that means nothing', async (t) => {
  const filler = encodeFiller(encapsulationPrefix(1, OTHER_KEY.subarray(0, 6), OTHER_KEY.subarray(0, 6)), 1000);
  t.equal(filler.length, VXLAN_HEADER + 1000);
  t.ok(pathProbeIsWhole(filler, VXLAN_HEADER, 1000));
  t.equal(decodePathProbe(filler.subarray(VXLAN_HEADER, VXLAN_HEADER + PATH_PROBE_FRAME)), undefined);
});
