/** Real sockets on loopback through the underlay edge. */
import t from 'tap';
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT, SOCKET, STATUS } from '../../../src/bytes/batch.js';
import { Poller } from '../../../src/os/poller.js';
import { openUdpSockets, UdpUnderlay } from '../../../src/os/udp.js';
import { address, pattern } from '../dataplane/packets.js';
import { anySystemCalls, both } from './both-system-calls.js';

const cases = both.flatMap((candidate) =>
  [true, false].flatMap((on) => ['127.0.0.1', '::1'].map((text) => ({ ...candidate, text, on }))),
);

for (const { name, system, skip, text, on } of cases) {
  t.test(`${name}: a batch over ${text}, offloads ${on ? 'on' : 'off'}`, { skip }, async (t) => {
    if (!system) return;
    const underlay = address(text);
    const offload = { udpSegment: on, udpGro: on };
    const sockets = openUdpSockets(system, { underlay, port: 0, sourcePorts: 4, random: Math.random, offload });
    const edge = new UdpUnderlay(system, sockets);
    t.teardown(() => edge.close());
    const port = system.udpPort(sockets.receive);
    const payload = pattern(10_000);
    const out = new Batch(Buffer.concat([payload, Buffer.alloc(66_000)]), 0, 76_000, 3);
    for (const [length, segment] of [
      [10_000, 1000],
      [66_000, 0],
      [500, 0],
    ]) {
      const row = out.append(0, length);
      out.records[row + SEGMENT] = segment;
      out.records[row + PORT] = port;
      out.records[row + SOCKET] = 3;
      out.records.set(underlay.words, row + ADDRESS);
    }
    t.equal(edge.send(out), 2);
    t.equal(out.records[RECORD + STATUS], 90, 'EMSGSIZE for the one that is too long, and the next still leaves');

    const poller = new Poller(system, system.wakerOpen(), [edge]);
    const received = Batch.allocate(16 * 65_536, 16);
    const pieces: Buffer[] = [];
    while (pieces.reduce((sum, piece) => sum + piece.length, 0) < 10_500) {
      poller.wait(1000);
      received.clear();
      if (edge.receive(received) === 0) break;
      for (let row = 0; row < received.count * RECORD; row += RECORD) {
        const { records, bytes } = received;
        t.ok(records[row + PORT] >= 49_152, 'source port in the dynamic range');
        if (!on) t.equal(records[row + SEGMENT], 0, 'one by one');
        t.same([...records.subarray(row + ADDRESS, row + ADDRESS + 4)], [...underlay.words]);
        pieces.push(Buffer.from(bytes.subarray(records[row + OFFSET], records[row + OFFSET] + records[row + LENGTH])));
      }
    }
    t.same(Buffer.concat(pieces), Buffer.concat([payload, payload.subarray(0, 500)]));
    t.ok(edge.pathMtu(...underlay.words) >= 1500);
  });
}

const { system: any, skip: none } = anySystemCalls();

t.test('a record that was sent in part keeps the length of the rest', { skip: none }, async (t) => {
  if (!any) return;
  const sockets = { underlay: address('127.0.0.1'), receive: -1, egress: Int32Array.of(-1), segments: false };
  const EAGAIN = 11;
  const edge = new UdpUnderlay(
    {
      ...any,
      udpSend: (_fds, _bytes, records, count) => {
        for (let i = 0; i < count; i++) records[i * RECORD + STATUS] = i === 0 ? 0 : EAGAIN;
        return 1;
      },
    },
    sockets,
  );
  const out = Batch.allocate(4_000, 2);
  for (const [at, length, segment] of [
    [0, 2_500, 1_000],
    [2_500, 500, 0],
  ]) {
    out.records[out.append(at, length) + SEGMENT] = segment;
  }
  t.equal(edge.send(out), 1);
  t.equal(out.records[STATUS], EAGAIN);
  t.equal(out.records[LENGTH], 1_500);
  t.equal(out.records[RECORD + STATUS], 0);
});
