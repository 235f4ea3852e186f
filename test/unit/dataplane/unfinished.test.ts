/** Frames as Linux hands them on between a VTEP and a socket of one machine: checksums and segmentation left undone. */
import t from 'tap';
import { Batch, PORT, SEGMENT } from '../../../src/bytes/batch.js';
import { macFromName } from '../../../src/core/mac.js';
import { encapsulationPrefix } from '../../../src/wire/vxlan.js';
import { checksumsOk, type Flow, pattern, payloadOf, tcpPacket, udpPacket, virtioFor } from './packets.js';
import { BRAVO, OFFLOADS, settle, type TestNode, type TestOptions, twoNodes } from './two-nodes.js';

const V4: Flow = { from: '10.244.1.5', to: '10.244.2.9' };
const V6: Flow = { from: 'fd00:244:1::5', to: 'fd00:244:2::9' };
const DONE = Buffer.alloc(10);

/** Alpha is a VTEP that leaves things undone: its frames are put on the network by hand. */
async function receiver(options: TestOptions = {}) {
  const headers: Buffer[] = [];
  const [alpha, bravo] = await twoNodes({ ...options, virtio: (_, header) => headers.push(Buffer.from(header)) });
  const receive = (packet: Buffer, segment = 0) => {
    send(alpha, packet, segment);
    settle(bravo);
    return bravo.taken();
  };
  return { alpha, bravo, headers, receive };
}

function send({ underlay }: TestNode, packet: Buffer, segment: number): void {
  const frame = Buffer.concat([encapsulationPrefix(1, macFromName('bravo'), macFromName('alpha')), packet]);
  frame.writeUInt16BE(packet[0] >> 4 === 4 ? 0x0800 : 0x86dd, 20);
  const batch = new Batch(frame, 0, frame.length, 1);
  const row = batch.append(0, frame.length);
  batch.records[row + PORT] = 8472;
  batch.records[row + SEGMENT] = segment;
  batch.records.set(BRAVO.underlay.words, row + 8);
  underlay.mtu = 65_535;
  underlay.send(batch);
}

for (const flow of [V4, V6]) {
  const family = flow === V4 ? 4 : 6;
  const headers = family === 4 ? 40 : 60;

  t.test(`IPv${family}: a checksum left undone is marked for the kernel, or completed`, async (t) => {
    for (const partial of [
      udpPacket(flow, pattern(99), { partial: true }),
      tcpPacket(flow, pattern(99), { partial: true }),
    ]) {
      const marked = await receiver({ capabilities: OFFLOADS });
      t.same(marked.receive(partial), [partial]);
      t.same(marked.headers, [Buffer.from(partialHeader(partial))]);
      t.equal(marked.bravo.counter('rx_completed'), 1);

      const completed = await receiver();
      const [packet] = completed.receive(partial);
      t.ok(checksumsOk(packet));
      t.same(payloadOf(packet), pattern(99));
      t.same(completed.headers, [DONE]);
    }
  });

  t.test(`IPv${family}: a TCP superpacket in one frame is marked for the kernel, or cut`, async (t) => {
    const packet = tcpPacket(flow, pattern(60_000), { partial: true, flags: 0x98 });
    const marked = await receiver({ capabilities: OFFLOADS });
    t.same(marked.receive(packet), [packet]);
    const header = virtioFor(packet, 1450 - headers);
    header[1] |= 0x80; // CWR is set: only the first segment may have it
    t.same(marked.headers, [header]);

    const cut = await receiver();
    const pieces = cut.receive(packet);
    t.equal(pieces.length, Math.ceil(60_000 / (1450 - headers)));
    t.ok(pieces.every((piece) => piece.length <= 1450 && checksumsOk(piece)));
    t.same(Buffer.concat(pieces.map(payloadOf)), pattern(60_000));
    t.ok(cut.headers.every((one) => one.equals(DONE)));
  });

  t.test(`IPv${family}: a UDP superpacket in one frame keeps its datagrams`, async (t) => {
    const packet = udpPacket(flow, pattern(9_000), { partial: true });
    const marked = await receiver({ capabilities: OFFLOADS });
    t.same(marked.receive(packet, 1000), [packet]);
    t.same(marked.headers, [virtioFor(packet, 1000)]);

    const cut = await receiver();
    const pieces = cut.receive(packet, 1000);
    t.equal(pieces.length, 9);
    t.ok(pieces.every(checksumsOk));
    t.same(Buffer.concat(pieces.map(payloadOf)), pattern(9_000));
  });
}

t.test('what is finished is left as it is', async (t) => {
  const { bravo, headers, receive } = await receiver({ capabilities: OFFLOADS });
  for (const flow of [V4, V6]) {
    for (const packet of [tcpPacket(flow, pattern(99)), udpPacket(flow, pattern(99))]) {
      t.same(receive(packet), [packet]);
      t.same(headers.splice(0), [DONE]);
    }
  }
  t.equal(bravo.counter('rx_completed'), 0);
});

t.test('a right checksum that looks like the pseudo-header sum is told from an unfinished one', async (t) => {
  // The right checksum is the pseudo-header's sum where the rest of the datagram, field included, sums to nothing.
  const wanted = udpPacket(V4, Buffer.from([0, 0]), { partial: true });
  const pseudo = wanted.readUInt16BE(26);
  const ports = (40_000 + 50_000 + 10) % 65_535;
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE((((2 * 65_535 - ports - 2 * pseudo) % 65_535) + 65_535) % 65_535);
  const packet = udpPacket(V4, payload);
  t.equal(packet.readUInt16BE(26), pseudo, 'it does look like it');
  const { headers, receive } = await receiver({ capabilities: OFFLOADS });
  t.same(receive(packet), [packet]);
  t.same(headers, [DONE]);
});

t.test('order within a flow is kept beside packets that are joined', async (t) => {
  const { alpha, bravo } = await receiver({ capabilities: OFFLOADS });
  const at = (seq: number, partial = false) => tcpPacket(V4, pattern(100), { seq, partial });
  for (const packet of [at(1000), at(1100), at(1200, true), at(1300), at(1400)]) send(alpha, packet, 0);
  settle(bravo);
  t.same(
    bravo.taken().map((packet) => packet.readUInt32BE(24)),
    [1000, 1200, 1300],
  );
});

t.test('a superpacket that would fall into too many pieces is dropped and counted', async (t) => {
  const { bravo, receive } = await receiver();
  t.same(receive(udpPacket(V4, pattern(9_000), { partial: true }), 2), []);
  t.equal(bravo.counter('rx_no_room'), 1);
});

/** The virtio header of a packet whose checksum is left to the kernel. */
function partialHeader(packet: Buffer): Buffer {
  const header = virtioFor(packet, 0);
  header.writeUInt16LE(0, 2);
  return header;
}
