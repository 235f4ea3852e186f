import t from 'tap';
import { readIcmpReport } from '../../../src/core/icmp-report.js';
import { writeIpv4Header } from '../../../src/wire/ipv4.js';
import { writeIpv6Header } from '../../../src/wire/ipv6.js';
import { writeUdpHeader } from '../../../src/wire/udp.js';
import { address } from '../dataplane/packets.js';

const PAYLOAD = Buffer.from('0800000000000100', 'hex');

/** An error about a UDP datagram to port 8472 of 192.0.2.7 or 2001:db8::7. */
function message(family: 4 | 6, type: number, code: number, mtu: number): Buffer {
  const header = family === 4 ? 20 : 40;
  const bytes = Buffer.alloc(8 + header + 8 + PAYLOAD.length);
  bytes.set([type, code]);
  bytes.writeUInt32BE(mtu, 4);
  const [from, to] = family === 4 ? ['192.0.2.1', '192.0.2.7'] : ['2001:db8::1', '2001:db8::7'];
  if (family === 4) writeIpv4Header(bytes, 8, 1500, 0, 64, 17, address(from).words[3], address(to).words[3]);
  else writeIpv6Header(bytes, 8, 1460, 17, 64, address(from).words, address(to).words);
  writeUdpHeader(bytes, 8 + header, 50_000, 8472, 1400);
  bytes.set(PAYLOAD, 8 + header + 8);
  return bytes;
}

for (const [family, type, code, kind, mtu] of [
  [4, 3, 4, 'too-big', 1400],
  [4, 3, 3, 'no-port', 0],
  [4, 3, 1, 'unreachable', 0],
  [6, 2, 0, 'too-big', 1400],
  [6, 1, 4, 'no-port', 0],
  [6, 1, 0, 'unreachable', 0],
] as const) {
  t.test(`family ${family}, type ${type}, code ${code}`, async (t) => {
    const bytes = message(family, type, code, 1400);
    const words = address(family === 4 ? '192.0.2.7' : '2001:db8::7').words;
    t.same(readIcmpReport(bytes, family), {
      kind,
      mtu,
      destination: [...words],
      port: 8472,
      quoted: PAYLOAD,
    });
    for (let length = 0; length < bytes.length - PAYLOAD.length; length++)
      t.equal(readIcmpReport(bytes.subarray(0, length), family), undefined, `${length} bytes`);
  });
}

t.test('what says nothing', async (t) => {
  for (const [type, code] of [
    [0, 0],
    [5, 1],
    [11, 0],
  ])
    t.equal(readIcmpReport(message(4, type, code, 0), 4), undefined);
  t.equal(readIcmpReport(message(6, 3, 0, 0), 6), undefined);
  const tcp = message(4, 3, 4, 1400);
  tcp[8 + 9] = 6;
  t.equal(readIcmpReport(tcp, 4), undefined, 'about TCP');
  t.equal(readIcmpReport(message(6, 2, 0, 1400), 4), undefined, 'the other family');
});
