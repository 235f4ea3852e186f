/** Two underlays as one edge: in memory, and on loopback with real sockets. */
import t from 'tap';
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SOCKET, STATUS } from '../../../src/bytes/batch.js';
import type { UnderlayEdge } from '../../../src/dataplane/edges.js';
import { DualUnderlay } from '../../../src/os/dual-underlay.js';
import { ownAddresses } from '../../../src/os/own-address.js';
import { openUdpSockets, UdpUnderlay } from '../../../src/os/udp.js';
import { address } from '../control/sample-config.js';
import { both } from './both-system-calls.js';

const [four, six] = ['127.0.0.1', '::1'].map(address);

/** Notes what it is asked to send, and refuses what is of length 13. */
class Half implements UnderlayEdge {
  readonly capabilities;
  readonly sent: number[][] = [];
  waiting = 0;
  closed = false;

  constructor(maxSegments: number) {
    this.capabilities = { maxSegments, sourcePorts: 8 };
  }

  receive(batch: Batch): number {
    const before = batch.count;
    while (this.waiting > 0 && !batch.full) {
      batch.append(0, 1);
      this.waiting--;
    }
    return batch.count - before;
  }

  send(batch: Batch): number {
    const lengths: number[] = [];
    let sent = 0;
    for (let i = 0; i < batch.count; i++) {
      const length = batch.records[i * RECORD + LENGTH];
      lengths.push(length);
      batch.records[i * RECORD + STATUS] = length === 13 ? 90 : 0;
      if (length !== 13) sent++;
    }
    this.sent.push(lengths);
    return sent;
  }

  pathMtu(): number {
    return this.capabilities.maxSegments;
  }

  onReadable(): void {}

  close(): void {
    this.closed = true;
  }
}

function batchOf(...records: readonly (readonly [typeof four, number])[]): Batch {
  const batch = Batch.allocate(100, 8);
  for (const [to, length] of records) batch.records.set(to.words, batch.append(0, length) + ADDRESS);
  return batch;
}

t.test('a record’s address says which underlay sends it', async (t) => {
  const [v4, v6] = [new Half(64), new Half(32)];
  const dual = new DualUnderlay(v4, v6);
  t.strictSame(dual.capabilities, { maxSegments: 32, sourcePorts: 8 });
  t.equal(dual.send(batchOf([four, 1], [four, 2])), 2);
  t.equal(dual.send(batchOf([six, 3])), 1);
  const mixed = batchOf([four, 4], [six, 13], [four, 13], [six, 5], [four, 6]);
  t.equal(dual.send(mixed), 3);
  t.strictSame(v4.sent, [
    [1, 2],
    [4, 13, 6],
  ]);
  t.strictSame(v6.sent, [[3], [13, 5]]);
  const statuses = [0, 1, 2, 3, 4].map((i) => mixed.records[i * RECORD + STATUS]);
  t.strictSame(statuses, [0, 90, 90, 0, 0], 'what became of each stands at its record');
  const again = batchOf([six, 7], [four, 8]);
  t.equal(dual.send(again), 2);
  t.equal(dual.pathMtu(...four.words), 64);
  t.equal(dual.pathMtu(...six.words), 32);
  dual.close();
  t.ok(v4.closed && v6.closed);
});

t.test('neither keeps the other waiting', async (t) => {
  const [v4, v6] = [new Half(64), new Half(64)];
  const dual = new DualUnderlay(v4, v6);
  v4.waiting = 100;
  v6.waiting = 3;
  for (let turns = 0; turns < 2; turns++) {
    const batch = Batch.allocate(100, 8);
    t.equal(dual.receive(batch), 8);
    t.equal(batch.count, 8);
  }
  t.equal(v6.waiting, 0);
});

const no6 = ownAddresses([six]).length === 0 && 'needs ::1';

for (const { name, system, skip } of both)
  t.test(`${name}: real sockets of both families`, { skip: skip || no6 }, async (t) => {
    if (!system) return;
    const sockets = [four, six].map((underlay) =>
      openUdpSockets(system, {
        underlay,
        port: 0,
        sourcePorts: 2,
        random: Math.random,
        offload: { udpSegment: true, udpGro: true },
      }),
    );
    const [v4, v6] = sockets.map((one) => new UdpUnderlay(system, one));
    const dual = new DualUnderlay(v4, v6);
    t.teardown(() => dual.close());
    const out = Batch.allocate(100, 8);
    for (let i = 0; i < 8; i++) {
      const which = i % 2;
      const row = out.append(i, 1);
      out.bytes[i] = i;
      out.records[row + SOCKET] = i;
      out.records[row + PORT] = system.udpPort(sockets[which].receive);
      out.records.set([four, six][which].words, row + ADDRESS);
    }
    t.equal(dual.send(out), 8);
    const received = Batch.allocate(16 * 65_536, 16);
    const seen: number[][] = [];
    for (const end = performance.now() + 2_000; seen.length < 8 && performance.now() < end; ) {
      received.clear();
      dual.receive(received);
      for (let row = 0; row < received.count * RECORD; row += RECORD) {
        const { records, bytes } = received;
        const family = records[row + ADDRESS + 2] === 0xffff ? 4 : 6;
        for (let at = 0; at < records[row + LENGTH]; at++) seen.push([bytes[records[row + OFFSET] + at], family]);
      }
    }
    t.strictSame(
      seen.sort(([a], [b]) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i, i % 2 === 0 ? 4 : 6]),
    );
  });
