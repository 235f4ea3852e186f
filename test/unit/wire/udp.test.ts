import t from 'tap';
import { writeUdpHeader } from '../../../src/wire/udp.js';

t.test('a header', async (t) => {
  // The same as scapy builds around a bare VXLAN header (test/scapy/layers/vxlan.uts), checksum aside.
  const bytes = Buffer.alloc(10, 0xee);
  writeUdpHeader(bytes, 1, 1024, 4789, 8);
  t.equal(bytes.toString('hex'), 'ee040012b500100000ee');
});
