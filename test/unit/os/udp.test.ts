/** Real sockets on loopback through the underlay edge. */
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT, SOCKET, STATUS } from '../../../src/bytes/batch.js';
import { type Addon, loadAddon } from '../../../src/os/addon.js';
import { Poller } from '../../../src/os/poller.js';
import { openUdpSockets, UdpUnderlay } from '../../../src/os/udp.js';
import { address, pattern } from '../dataplane/packets.js';

function load(): { addon?: Addon; skip: string | false } {
  try {
    return { addon: loadAddon(), skip: false };
  } catch (error) {
    return { skip: `needs the addon: ${(error as Error).message}` };
  }
}

const { addon, skip } = load();

for (const text of ['127.0.0.1', '::1']) {
  t.test(`a batch over ${text}`, { skip }, async (t) => {
    if (!addon) return;
    const underlay = address(text);
    const sockets = openUdpSockets(addon, { underlay, port: 0, sourcePorts: 4, random: Math.random });
    const edge = new UdpUnderlay(addon, sockets, underlay);
    t.teardown(() => edge.close());
    const port = addon.udpPort(sockets.receive);
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

    const poller = new Poller(addon, addon.wakerOpen(), [edge.fd]);
    const received = Batch.allocate(16 * 65_536, 16);
    const pieces: Buffer[] = [];
    while (pieces.reduce((sum, piece) => sum + piece.length, 0) < 10_500) {
      poller.wait(1000);
      received.clear();
      if (edge.receive(received) === 0) break;
      for (let row = 0; row < received.count * RECORD; row += RECORD) {
        const { records, bytes } = received;
        t.ok(records[row + PORT] >= 49_152, 'source port in the dynamic range');
        t.same([...records.subarray(row + ADDRESS, row + ADDRESS + 4)], [...underlay.words]);
        pieces.push(Buffer.from(bytes.subarray(records[row + OFFSET], records[row + OFFSET] + records[row + LENGTH])));
      }
    }
    t.same(Buffer.concat(pieces), Buffer.concat([payload, payload.subarray(0, 500)]));
    t.ok(edge.pathMtu(...underlay.words) >= 1500);
  });
}

t.test('another thread wakes a poll; wrong arguments throw', { skip }, async (t) => {
  if (!addon) return;
  const waker = addon.wakerOpen();
  const url = new URL('./ring.js', import.meta.url);
  const worker = new Worker(url, { workerData: waker });
  new Poller(addon, waker, []).wait(-1);
  t.pass('woken');
  await new Promise((resolve) => worker.once('exit', resolve));
  addon.close(waker);
  t.throws(
    () =>
      addon.udpOpen({
        address: new Uint8Array(4),
        port: 0,
        reusePort: false,
        receive: false,
        sendOnly: true,
        buffer: 0,
      }),
    RangeError,
  );
  t.throws(
    () => addon.udpSend(Int32Array.of(1), Buffer.alloc(10), Int32Array.of(0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1, 0),
    RangeError,
  );
  t.throws(
    () => addon.tunWrite(1, Buffer.alloc(30), Int32Array.of(5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1),
    RangeError,
  );
  t.throws(() => addon.tunRead(1, Buffer.alloc(30), 5, 0, 30, new Int32Array(12), 0), RangeError);
  t.throws(() => addon.poll(new Int32Array(300), 0), RangeError);
  t.throws(() => addon.tunOpen('a-name-that-is-too-long', false, true), RangeError);
});
