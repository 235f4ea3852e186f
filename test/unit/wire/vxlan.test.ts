import t from 'tap';
import { formatMac, parseMac } from '../../../src/core/mac.js';
import { get16 } from '../../../src/wire/big-endian.js';
import { IpView } from '../../../src/wire/ip.js';
import {
  checkVxlan,
  ENCAPSULATION,
  ENCAPSULATION_ETHERTYPE,
  encapsulationPrefix,
  MAX_VNI,
  overhead,
  readVni,
  VXLAN_BAD_FLAGS,
  VXLAN_BAD_VNI,
  VXLAN_OK,
  VXLAN_TRUNCATED,
  writeVxlanHeader,
} from '../../../src/wire/vxlan.js';
import { vectors } from './vectors.js';

interface Fields {
  vni: number;
  check: 'ok' | 'truncated' | 'flags';
  destination?: string;
  source?: string;
  ethertype?: number;
}

const CHECKS = { ok: VXLAN_OK, truncated: VXLAN_TRUNCATED, flags: VXLAN_BAD_FLAGS };

function mac(text: string | undefined): Uint8Array {
  const mac = parseMac(text ?? '');
  if (!mac) throw new Error(`${text} is no MAC`);
  return mac;
}

for (const { name, bytes, fields } of vectors<Fields>('vxlan')) {
  t.test(`vector: ${name}`, async (t) => {
    t.equal(checkVxlan(bytes, 0, bytes.length, fields.vni), CHECKS[fields.check]);
    t.equal(readVni(bytes, 0), fields.vni);
    if (fields.check !== 'ok') return;
    t.equal(checkVxlan(bytes, 0, bytes.length, fields.vni + 1), VXLAN_BAD_VNI);
    t.equal(formatMac(bytes.subarray(8, 14)), fields.destination);
    t.equal(formatMac(bytes.subarray(14, 20)), fields.source);
    t.equal(get16(bytes, ENCAPSULATION_ETHERTYPE), fields.ethertype);
    if (fields.ethertype !== 0x0806) t.ok(new IpView().parse(bytes, ENCAPSULATION, bytes.length - ENCAPSULATION));

    // Our own prefix is the same but for the ethertype, which the packet decides.
    const prefix = Buffer.from(encapsulationPrefix(fields.vni, mac(fields.destination), mac(fields.source)));
    t.equal(get16(prefix, ENCAPSULATION_ETHERTYPE), 0);
    prefix.writeUInt16BE(fields.ethertype ?? 0, ENCAPSULATION_ETHERTYPE);
    t.same(prefix, bytes.subarray(0, ENCAPSULATION));
  });
}

t.test('every bit but the VNI is checked', async (t) => {
  const frame = Buffer.alloc(30);
  writeVxlanHeader(frame, 3, MAX_VNI);
  t.equal(frame.subarray(3, 11).toString('hex'), '08000000ffffff00');
  t.equal(checkVxlan(frame, 3, 22, MAX_VNI), VXLAN_OK);
  for (let bit = 0; bit < 64; bit++) {
    const at = 3 + (bit >> 3);
    frame[at] ^= 0x80 >> (bit & 7);
    const want = bit >= 32 && bit < 56 ? VXLAN_BAD_VNI : VXLAN_BAD_FLAGS;
    t.equal(checkVxlan(frame, 3, 22, MAX_VNI), want, `bit ${bit}`);
    frame[at] ^= 0x80 >> (bit & 7);
  }
  for (let length = 0; length < 22; length++) t.equal(checkVxlan(frame, 3, length, MAX_VNI), VXLAN_TRUNCATED);
});

t.test('overhead is outer IP, UDP, VXLAN and Ethernet', async (t) => {
  t.equal(overhead(4), 20 + 8 + ENCAPSULATION);
  t.equal(overhead(6), 40 + 8 + ENCAPSULATION);
});
