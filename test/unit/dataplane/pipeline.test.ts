import t from 'tap';
import type { CounterName } from '../../../src/core/counters.js';
import { checksumsOk, type Flow, icmpEcho, pattern, payloadOf, tcpPacket, udpPacket, virtioFor } from './packets.js';
import { ALPHA, ALPHA6, BRAVO, BRAVO6, OFFLOADS, settle, type TestNode, twoNodes } from './two-nodes.js';

const V4: Flow = { from: '10.244.1.5', to: '10.244.2.9' };
const V6: Flow = { from: 'fd00:244:1::5', to: 'fd00:244:2::9' };
const back = (flow: Flow): Flow => ({ from: flow.to, to: flow.from });

function counters(node: TestNode, ...names: CounterName[]): number[] {
  return names.map((name) => node.counter(name));
}

for (const [outer, peers] of [
  ['IPv4', [ALPHA, BRAVO]],
  ['IPv6', [ALPHA6, BRAVO6]],
] as const) {
  t.test(`packets of any protocol cross unchanged, both ways, over ${outer}`, async (t) => {
    const [alpha, bravo] = await twoNodes({}, [...peers]);
    for (const flow of [V4, V6]) {
      const there = [
        udpPacket(flow, pattern(100)),
        tcpPacket(flow, pattern(1300)),
        icmpEcho(flow, pattern(56)),
        udpPacket(flow, Buffer.alloc(0)),
      ];
      for (const packet of there) alpha.device.inject(packet);
      const reply = icmpEcho(back(flow), pattern(56, 2));
      bravo.device.inject(reply);
      settle(alpha, bravo);
      t.same(bravo.taken(), there, 'in order and byte for byte');
      t.same(alpha.taken(), [reply]);
    }
    t.same(counters(alpha, 'tx_packets', 'tx_frames', 'rx_frames', 'rx_packets'), [8, 8, 2, 2]);
    t.same(counters(bravo, 'tx_packets', 'tx_frames', 'rx_frames', 'rx_packets'), [2, 2, 8, 8]);
    t.equal(alpha.counter('tx_bytes'), bravo.counter('rx_bytes'));
    const [{ counters: seen }] = [...alpha.overlay.peers()];
    t.same([seen.txFrames, seen.rxFrames], [8, 2]);
  });
}

t.test("a node's own addresses count as its own: overlay and underlay", async (t) => {
  const [alpha, bravo] = await twoNodes();
  const packets = [
    icmpEcho({ from: '10.244.1.0', to: '10.244.2.9' }, pattern(8)),
    icmpEcho({ from: '192.0.2.1', to: '10.244.2.9' }, pattern(8)),
    icmpEcho({ from: '10.244.1.7', to: '198.51.100.1' }, pattern(8)),
  ];
  for (const packet of packets) alpha.device.inject(packet);
  settle(alpha, bravo);
  t.same(bravo.taken(), packets);
});

for (const flow of [V4, V6]) {
  const family = flow === V4 ? 'IPv4' : 'IPv6';

  t.test(`a TCP superpacket over ${family} becomes frames and a superpacket again`, async (t) => {
    const virtio: Uint8Array[] = [];
    const [alpha, bravo] = await twoNodes({ capabilities: OFFLOADS, virtio: (_, header) => virtio.push(header) });
    const payload = pattern(60_000);
    const packet = tcpPacket(flow, payload, { partial: true, flags: 0x18 });
    alpha.device.inject(packet, virtioFor(packet, 1380));
    settle(alpha, bravo);
    const taken = bravo.taken();
    t.equal(taken.length, 1);
    t.same(payloadOf(taken[0]), payload);
    t.same(Buffer.from(virtio[0]), virtioFor(packet, 1380), 'the same offload is asked for');
    t.equal(bravo.counter('rx_frames'), Math.ceil(60_000 / 1380));
    t.equal(alpha.counter('tx_frames'), bravo.counter('rx_frames'));
  });

  t.test(`a receiver without offloads gets the ${family} frames one by one, checksums complete`, async (t) => {
    const [alpha, bravo] = await twoNodes();
    const payload = pattern(10_000);
    const tcp = tcpPacket(flow, payload, { partial: true });
    const udp = udpPacket(flow, payload, { partial: true });
    alpha.device.inject(tcp, virtioFor(tcp, 1300));
    alpha.device.inject(udp, virtioFor(udp, 1300));
    settle(alpha, bravo);
    const taken = bravo.taken();
    t.equal(taken.length, 16);
    t.ok(taken.every(checksumsOk));
    t.same(Buffer.concat(taken.slice(0, 8).map(payloadOf)), payload);
    t.same(Buffer.concat(taken.slice(8).map(payloadOf)), payload);
  });

  t.test(`a partial ${family} checksum is completed before the packet leaves`, async (t) => {
    const [alpha, bravo] = await twoNodes();
    for (const make of [udpPacket, tcpPacket]) {
      const packet = make(flow, pattern(333), { partial: true });
      t.notOk(checksumsOk(packet));
      alpha.device.inject(packet, virtioFor(packet, 0));
      settle(alpha, bravo);
      const [taken] = bravo.taken();
      t.ok(checksumsOk(taken));
      t.same(taken, make(flow, pattern(333)));
    }
  });

  t.test(`the MSS of a ${family} SYN is lowered to the path's, never raised`, async (t) => {
    const [alpha, bravo] = await twoNodes();
    const most = 1450 - (family === 'IPv4' ? 40 : 60);
    for (const [mss, expected] of [
      [1460, most],
      [9000, most],
      [536, 536],
    ]) {
      alpha.device.inject(tcpPacket(flow, Buffer.alloc(0), { flags: 0x02, mss }));
      settle(alpha, bravo);
      const [taken] = bravo.taken();
      t.ok(checksumsOk(taken));
      t.equal(taken.readUInt16BE(taken.length - 2), expected);
    }
    t.equal(alpha.counter('tx_mss_clamped'), 2);
  });
}

t.test('what may not leave is dropped, each kind under its own counter', async (t) => {
  const [alpha, bravo] = await twoNodes();
  const cases: [CounterName, Buffer][] = [
    ['tx_malformed', Buffer.from('not a packet')],
    ['tx_malformed', Buffer.alloc(0)],
    ['tx_martian', udpPacket({ from: '10.244.1.5', to: '224.0.0.251' }, pattern(4))],
    ['tx_martian', udpPacket({ from: 'fe80::1', to: 'ff02::2' }, pattern(4))],
    ['tx_source_foreign', udpPacket({ from: '172.17.0.2', to: '10.244.2.9' }, pattern(4))],
    ['tx_source_foreign', udpPacket({ from: '10.244.2.3', to: '10.244.2.9' }, pattern(4))],
    ['tx_looped', udpPacket({ from: '10.244.1.5', to: '10.244.1.77' }, pattern(4))],
    ['tx_no_peer', udpPacket({ from: '10.244.1.5', to: '10.244.9.9' }, pattern(4))],
  ];
  for (const [name, packet] of cases) {
    const before = alpha.counter(name);
    alpha.device.inject(packet);
    settle(alpha, bravo);
    t.equal(alpha.counter(name), before + 1, name);
    t.same(bravo.taken(), []);
  }
  t.equal(alpha.counter('tx_packets'), cases.length);
  t.equal(alpha.counter('tx_frames'), 0);
});

t.test('a removed peer: its traffic is answered with ICMP unreachable, the others stay', async (t) => {
  const [alpha, bravo] = await twoNodes();
  await alpha.overlay.setPeers([]);
  for (const flow of [V4, V6]) {
    const packet = udpPacket(flow, pattern(700));
    alpha.device.inject(packet);
    settle(alpha, bravo);
    const [answer, ...more] = alpha.taken();
    t.same(more, []);
    t.ok(checksumsOk(answer));
    const icmp = flow === V4 ? 20 : 40;
    t.same([answer[icmp], answer[icmp + 1]], flow === V4 ? [3, 0] : [1, 0]);
    t.same(answer.subarray(icmp + 8), packet.subarray(0, answer.length - icmp - 8), 'it quotes the packet');
  }
  t.equal(alpha.counter('icmp_sent'), 2);
  t.equal(bravo.counter('rx_datagrams'), 0);
});

t.test('ICMP errors keep to their rate', async (t) => {
  let now = 0;
  const [alpha] = await twoNodes({ now: () => now });
  const flood = () => {
    for (let i = 0; i < 500; i++) alpha.device.inject(udpPacket({ from: '10.244.1.5', to: '10.244.9.9' }, pattern(4)));
    settle(alpha);
  };
  flood();
  const burst = alpha.taken().length;
  t.ok(burst >= 10 && burst <= 100, `${burst} at once`);
  t.equal(alpha.counter('icmp_limited'), 500 - burst);
  now += 10;
  flood();
  t.equal(alpha.taken().length, 10, 'a thousand a second later on');
});
