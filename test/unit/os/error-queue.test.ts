/** Real sockets on loopback: what ICMP leaves on a socket is read, and does not cost the datagrams that follow. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ADDRESS, Batch, LENGTH, PORT, RECORD, SEGMENT, STATUS } from '../../../src/bytes/batch.js';
import type { PathReport } from '../../../src/core/path-report.js';
import { ErrorQueues } from '../../../src/os/error-queue.js';
import { openEgress } from '../../../src/os/udp.js';
import { type Address, addressBytes } from '../../../src/wire/address.js';
import { address, pattern } from '../dataplane/packets.js';
import { both } from './both-system-calls.js';

function batchTo(to: Address, ports: readonly number[], payload: Uint8Array, segment = 0): Batch {
  const batch = new Batch(Buffer.from(payload), 0, payload.length, ports.length);
  for (const port of ports) {
    const row = batch.append(0, payload.length);
    batch.records[row + SEGMENT] = segment;
    batch.records[row + PORT] = port;
    batch.records.set(to.words, row + ADDRESS);
  }
  return batch;
}

const cases = both.flatMap((candidate) => ['127.0.0.1', '::1'].map((text) => ({ ...candidate, text })));

for (const { name, system, skip, text } of cases) {
  t.test(`${name}: errors on a socket of ${text}`, { skip }, async (t) => {
    if (!system) return;
    const loopback = address(text);
    const open = (port: number, receive: boolean) =>
      system.udpOpen({
        address: addressBytes(loopback),
        port,
        reusePort: false,
        receive,
        gro: receive,
        sendOnly: !receive,
        buffer: 1 << 20,
      });
    const fd = openEgress(system, { address: addressBytes(loopback), buffer: 1 << 20 }, Math.random);
    const receiver = open(0, true);
    const closed = open(0, true);
    const port = system.udpPort(receiver);
    const nobody = system.udpPort(closed);
    system.close(closed);
    t.teardown(() => {
      for (const each of [fd, receiver]) system.close(each);
    });
    const payload = pattern(200);
    const queues = new ErrorQueues(system, [fd]);
    const send = (batch: Batch) => system.udpSend(Int32Array.of(fd), batch.bytes, batch.records, batch.count, 2);
    const read = () => {
      const reports: PathReport[] = [];
      queues.read((report) => reports.push({ ...report, quoted: Uint8Array.from(report.quoted) }));
      return reports;
    };
    t.notOk(queues.waiting());
    t.same(read(), [], 'nothing yet');

    t.equal(send(batchTo(loopback, [nobody], payload)), 1);
    await delay(20);
    t.ok(queues.waiting());
    const [report] = read();
    t.match(report, { kind: 'no-port', mtu: 0, port: nobody });
    t.same([...Array.from(report.destination)].length, 4);
    t.same(report.quoted, Uint8Array.from(payload.subarray(0, 64)), 'the beginning of the payload');
    t.notOk(queues.waiting());
    t.same(read(), []);

    // Every datagram to nobody leaves an error behind; each one to somebody must arrive for all that.
    let sent = 0;
    for (let round = 0; round < 50; round++) {
      send(batchTo(loopback, [nobody], payload));
      const batch = batchTo(loopback, [port, port, port], payload, round % 2 ? 100 : 0);
      sent += send(batch);
      for (let row = 0; row < batch.count * RECORD; row += RECORD) t.equal(batch.records[row + STATUS], 0);
      if (round % 5 === 0) read();
    }
    t.equal(sent, 150);
    const received = Batch.allocate(64 * 65_536, 64);
    let bytes = 0;
    for (let count = 1; count > 0; ) {
      received.clear();
      count = system.udpReceive(receiver, received.bytes, 0, 65_536, received.records, 0, 64);
      for (let i = 0; i < count; i++) bytes += received.records[i * RECORD + LENGTH];
    }
    t.equal(bytes, 150 * 200);
    t.ok(read().length > 0);
  });
}

for (const { name, system, skip } of both) {
  t.test(`${name}: wrong arguments throw`, { skip }, async (t) => {
    if (!system) return;
    t.throws(() => system.udpErrors(1, Buffer.alloc(63), 64, new Int32Array(RECORD), 1), RangeError);
    t.throws(() => system.udpErrors(1, Buffer.alloc(640), 64, new Int32Array(RECORD), 2), RangeError);
    t.throws(() => system.udpErrors(-1, Buffer.alloc(64), 64, new Int32Array(RECORD), 1), { code: 'EBADF' });
  });
}
