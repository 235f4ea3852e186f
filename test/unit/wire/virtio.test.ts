import t from 'tap';
import * as virtio from '../../../src/wire/virtio.js';

t.test('a superpacket', async (t) => {
  const bytes = Buffer.alloc(12, 0xee);
  virtio.writeVirtioPartial(bytes, 1, virtio.GSO_TCPV4 | virtio.GSO_ECN, 52, 1398, 20, 16);
  t.equal(bytes.toString('hex'), 'ee0181340076051400' + '1000ee', 'fields are little-endian');
  t.ok(virtio.needsChecksum(bytes, 1));
  t.equal(virtio.gsoType(bytes, 1), virtio.GSO_TCPV4, 'without the ECN bit');
  t.equal(virtio.headerLength(bytes, 1), 52);
  t.equal(virtio.gsoSize(bytes, 1), 1398);
  t.equal(virtio.sumStart(bytes, 1), 20);
  t.equal(virtio.sumOffset(bytes, 1), 16);
});

t.test('nothing left to do', async (t) => {
  const bytes = Buffer.alloc(12, 0xee);
  virtio.writeVirtioDone(bytes, 1);
  t.equal(bytes.toString('hex'), `ee${'00'.repeat(10)}ee`);
  t.notOk(virtio.needsChecksum(bytes, 1));
  t.equal(virtio.gsoType(bytes, 1), virtio.GSO_NONE);
});
