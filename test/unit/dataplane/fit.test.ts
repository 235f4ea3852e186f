/** Packets that are too big for the path. */
import t from 'tap';
import { checksumsOk, type Flow, pattern, payloadOf, tcpPacket, udpPacket, virtioFor } from './packets.js';
import { OFFLOADS, settle, type TestNode, twoNodes } from './two-nodes.js';

const V4: Flow = { from: '10.244.1.5', to: '10.244.2.9' };
const V6: Flow = { from: 'fd00:244:1::5', to: 'fd00:244:2::9' };

/** Lets alpha find out that the path to bravo takes only `outer` bytes. */
function narrow(alpha: TestNode, bravo: TestNode, outer: number): void {
  alpha.underlay.mtu = outer;
  alpha.device.inject(udpPacket(V4, pattern(1400)));
  settle(alpha, bravo);
  alpha.taken();
  bravo.taken();
}

t.test('the path is found to be narrower: counted, learned, shown', async (t) => {
  const [alpha, bravo] = await twoNodes();
  narrow(alpha, bravo, 1400);
  t.equal(alpha.counter('tx_path_too_big'), 1);
  t.equal(alpha.counter('tx_frames'), 0, 'what was refused does not count as sent');
  t.equal([...alpha.overlay.peers()][0].mtu, 1350);
  t.same([...alpha.overlay.narrowPaths()], [{ node: 'bravo', mtu: 1400 }]);
  alpha.overlay.setPathMtu('bravo', 1420);
  t.equal([...alpha.overlay.peers()][0].mtu, 1370);
  alpha.overlay.setPathMtu('bravo', 0);
  alpha.overlay.setPathMtu('nobody', 1400);
  t.equal([...alpha.overlay.peers()][0].mtu, 1450);
  t.same([...alpha.overlay.narrowPaths()], []);
});

for (const flow of [V4, V6]) {
  const family = flow === V4 ? 'IPv4' : 'IPv6';
  t.test(`${family} that may not be fragmented is answered with the path's MTU, from the peer's address`, async (t) => {
    const [alpha, bravo] = await twoNodes();
    narrow(alpha, bravo, 1400);
    const packet = udpPacket(flow, pattern(1390));
    alpha.device.inject(packet);
    settle(alpha, bravo);
    t.same(bravo.taken(), []);
    const [answer] = alpha.taken();
    t.ok(checksumsOk(answer));
    if (flow === V4) {
      t.same([answer[20], answer[21], answer.readUInt16BE(26)], [3, 4, 1350]);
      t.same([...answer.subarray(12, 16)], [10, 244, 2, 0]);
      t.same([...answer.subarray(16, 20)], [10, 244, 1, 5]);
    } else {
      t.same([answer[40], answer[41], answer.readUInt32BE(44)], [2, 0, 1350]);
      t.equal(answer.subarray(8, 24).toString('hex'), 'fd000244000200000000000000000002');
    }
    t.equal(alpha.counter('tx_too_big'), 1);
    const smaller = udpPacket(flow, pattern(1302));
    alpha.device.inject(smaller);
    settle(alpha, bravo);
    t.same(bravo.taken(), [smaller], 'what fits still passes');
  });

  t.test(`a ${family} superpacket with segments too big is answered too`, async (t) => {
    const [alpha, bravo] = await twoNodes({ capabilities: OFFLOADS });
    narrow(alpha, bravo, 1400);
    const packet = tcpPacket(flow, pattern(20_000), { partial: true });
    alpha.device.inject(packet, virtioFor(packet, 1380));
    settle(alpha, bravo);
    t.same(bravo.taken(), []);
    t.equal(alpha.taken().length, 1);
    alpha.device.inject(packet, virtioFor(packet, 1280));
    settle(alpha, bravo);
    t.same(payloadOf(bravo.taken()[0]), pattern(20_000));
  });
}

function reassemble(fragments: Buffer[]): Buffer {
  const payload = Buffer.alloc(65_535);
  let length = 0;
  for (const fragment of fragments) {
    const offset = (fragment.readUInt16BE(6) & 0x1fff) * 8;
    fragment.copy(payload, offset, 20);
    length = Math.max(length, offset + fragment.length - 20);
  }
  return payload.subarray(0, length);
}

t.test('IPv4 without DF is fragmented inside', async (t) => {
  const [alpha, bravo] = await twoNodes();
  narrow(alpha, bravo, 700);
  const packet = udpPacket(V4, pattern(1400), { dontFragment: false });
  alpha.device.inject(packet);
  settle(alpha, bravo);
  const taken = bravo.taken();
  t.ok(taken.length >= 3);
  t.ok(taken.every((fragment) => fragment.length <= 650));
  t.same(reassemble(taken), packet.subarray(20));
  t.equal(alpha.counter('tx_fragmented'), 1);
});

t.test('a partial checksum is completed before fragmenting', async (t) => {
  const [alpha, bravo] = await twoNodes();
  narrow(alpha, bravo, 700);
  const packet = udpPacket(V4, pattern(1400), { dontFragment: false, partial: true });
  alpha.device.inject(packet, virtioFor(packet, 0));
  settle(alpha, bravo);
  t.same(reassemble(bravo.taken()), udpPacket(V4, pattern(1400), { dontFragment: false }).subarray(20));
});

t.test('TCP without DF is cut into narrower segments', async (t) => {
  const [alpha, bravo] = await twoNodes({ capabilities: OFFLOADS });
  narrow(alpha, bravo, 1000);
  const packet = tcpPacket(V4, pattern(30_000), { partial: true, dontFragment: false });
  alpha.device.inject(packet, virtioFor(packet, 1380));
  settle(alpha, bravo);
  t.same(Buffer.concat(bravo.taken().map(payloadOf)), pattern(30_000));
  t.equal(alpha.counter('tx_frames'), Math.ceil(30_000 / (950 - 40)));
});

t.test('UDP superpackets without DF keep their datagrams, each in fragments', async (t) => {
  const [alpha, bravo] = await twoNodes({ capabilities: OFFLOADS });
  narrow(alpha, bravo, 1000);
  const packet = udpPacket(V4, pattern(5000), { partial: true, dontFragment: false });
  alpha.device.inject(packet, virtioFor(packet, 1400));
  settle(alpha, bravo);
  const byId = new Map<number, Buffer[]>();
  for (const fragment of bravo.taken()) {
    t.ok(fragment.length <= 950);
    const id = fragment.readUInt16BE(4);
    byId.set(id, [...(byId.get(id) ?? []), fragment]);
  }
  const datagrams = [...byId.values()].map(reassemble);
  t.equal(datagrams.length, 4);
  t.same(Buffer.concat(datagrams.map((datagram) => datagram.subarray(8))), pattern(5000));
});
