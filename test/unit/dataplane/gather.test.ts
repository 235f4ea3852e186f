/** Packets that leave together: one message for frames of one source port, in their order. */
import t from 'tap';
import { LENGTH, RECORD, SEGMENT } from '../../../src/bytes/batch.js';
import type { UnderlayEdge } from '../../../src/dataplane/edges.js';
import { ENCAPSULATION } from '../../../src/wire/vxlan.js';
import { type Flow, pattern, tcpPacket, udpPacket, virtioFor } from './packets.js';
import { OFFLOADS, settle, type TestNode, type TestOptions, twoNodes } from './two-nodes.js';

const V4: Flow = { from: '10.244.1.5', to: '10.244.2.9' };
const V6: Flow = { from: 'fd00:244:1::5', to: 'fd00:244:2::9' };

/** Two nodes, and the messages that alpha sends: their bytes, and those of each datagram in them. */
async function watched(
  options: TestOptions = {},
): Promise<{ alpha: TestNode; bravo: TestNode; sent: [number, number][] }> {
  const sent: [number, number][] = [];
  const [alpha, bravo] = await twoNodes({
    ...options,
    wrap: (underlay): UnderlayEdge => ({
      capabilities: underlay.capabilities,
      receive: (batch) => underlay.receive(batch),
      send: (batch) => {
        for (let row = 0; row < batch.count * RECORD; row += RECORD) {
          sent.push([batch.records[row + LENGTH], batch.records[row + SEGMENT]]);
        }
        return underlay.send(batch);
      },
      pathMtu: () => underlay.pathMtu(),
      onReadable: (listener) => underlay.onReadable(listener),
      close: () => underlay.close(),
    }),
  });
  return { alpha, bravo, sent };
}

for (const flow of [V4, V6]) {
  const family = flow === V4 ? 4 : 6;
  const headers = flow === V4 ? 28 : 48;
  const frame = (payload: number) => ENCAPSULATION + headers + payload;

  t.test(`IPv${family}: equal packets leave as one message, of which the last may be shorter`, async (t) => {
    const { alpha, bravo, sent } = await watched();
    const packets = [99, 99, 99, 40, 40, 41].map((bytes, i) => udpPacket(flow, pattern(bytes, i)));
    for (const packet of packets) alpha.device.inject(packet);
    settle(alpha, bravo);
    t.same(sent, [
      [3 * frame(99) + frame(40), frame(99)],
      [frame(40), 0],
      [frame(41), 0],
    ]);
    t.equal(bravo.counter('rx_frames'), 6);
    t.equal(alpha.counter('tx_frames'), 6);
    t.same(bravo.taken(), packets, 'in order and byte for byte');
  });

  t.test(`IPv${family}: a message has as many as the underlay takes`, async (t) => {
    const { alpha, bravo, sent } = await watched();
    for (let i = 0; i < 64; i++) alpha.device.inject(udpPacket(flow, pattern(7, i)));
    for (let i = 0; i < 60; i++) alpha.device.inject(udpPacket(flow, pattern(1300, i)));
    settle(alpha, bravo);
    t.ok(sent.every(([bytes, segment]) => bytes <= 65_507 && bytes <= 64 * (segment || bytes)));
    t.equal(sent[0][0], 64 * frame(7));
    t.equal(bravo.counter('rx_frames'), 124);
  });

  t.test(`IPv${family}: behind a superpacket goes what is no longer than its frames`, async (t) => {
    const { alpha, bravo, sent } = await watched({ capabilities: OFFLOADS });
    const superpacket = tcpPacket(flow, pattern(5000), { partial: true });
    alpha.device.inject(superpacket, virtioFor(superpacket, 1000));
    alpha.device.inject(tcpPacket(flow, pattern(300)));
    settle(alpha, bravo);
    t.equal(sent.length, 1);
    t.equal(bravo.counter('rx_frames'), 6);
    t.ok(bravo.taken().length >= 1);
  });
}

t.test('flows of other source ports are not mixed, and stay in order', async (t) => {
  const { alpha, bravo, sent } = await watched();
  const packets = Array.from({ length: 40 }, (_, i) =>
    udpPacket({ from: '10.244.1.5', to: `10.244.2.${1 + i}` }, pattern(50)),
  );
  for (const packet of packets) alpha.device.inject(packet);
  settle(alpha, bravo);
  t.ok(sent.length > 8, 'flows of eight source ports, in turns');
  t.same(bravo.taken(), packets);
});

t.test('where packets come one by one, the first of a burst is not kept waiting for the others', async (t) => {
  const { alpha, bravo, sent } = await watched();
  const packet = udpPacket(V4, pattern(64));
  const length = ENCAPSULATION + packet.length;
  const burst = (count: number) => {
    for (let i = 0; i < count; i++) alpha.device.inject(packet);
    settle(alpha, bravo);
    return sent.splice(0);
  };
  t.same(burst(1), [[length, 0]]);
  const gathered = burst(5);
  t.same(gathered, [
    [length, 0],
    [4 * length, length],
  ]);
  t.equal(bravo.taken().length, 6);
});
