/** What the poller tells the edges, and what they spare by it. */
import t from 'tap';
import { ADDRESS, Batch, PORT } from '../../../src/bytes/batch.js';
import { Poller } from '../../../src/os/poller.js';
import type { SystemCalls } from '../../../src/os/system-calls.js';
import { TunQueue } from '../../../src/os/tun.js';
import { openUdpSockets, UdpUnderlay } from '../../../src/os/udp.js';
import { address } from '../dataplane/packets.js';
import { both } from './both-system-calls.js';

for (const { name, system, skip } of both) {
  t.test(`${name}: sockets are asked for datagrams only where poll saw some`, { skip }, async (t) => {
    if (!system) return;
    const asked: number[] = [];
    const counted: SystemCalls = {
      ...system,
      udpReceive: (fd, ...rest) => asked.push(fd) && system.udpReceive(fd, ...rest),
    };
    const underlay = address('127.0.0.1');
    const offload = { udpSegment: false, udpGro: false };
    const open = () => openUdpSockets(system, { underlay, port: 0, sourcePorts: 1, random: Math.random, offload });
    const [quiet, busy] = [open(), open()].map((sockets) => new UdpUnderlay(counted, sockets));
    const waker = system.wakerOpen();
    t.teardown(() => {
      quiet.close();
      busy.close();
      system.close(waker);
    });
    const poller = new Poller(system, waker, [quiet, busy]);
    const received = Batch.allocate(8 * 65_536, 8);
    const receiveAll = () => {
      received.clear();
      return [quiet, busy].map((edge) => edge.receive(received));
    };

    t.same(receiveAll(), [0, 0]);
    t.same(asked.splice(0), [quiet.fd, busy.fd], 'whom nobody has polled for is asked');
    poller.wait(0);
    t.same(receiveAll(), [0, 0]);
    t.same(asked.splice(0), [], 'nothing waits');

    const out = Batch.allocate(100, 6);
    for (let i = 0; i < 6; i++) {
      const row = out.append(i, 1);
      out.records[row + PORT] = system.udpPort(busy.fd);
      out.records.set(underlay.words, row + ADDRESS);
    }
    t.equal(quiet.send(out), 6);
    poller.wait(1000);
    t.same(receiveAll(), [0, 6], 'more than are asked for at first');
    t.same(asked.splice(0), [busy.fd]);
    system.wakerRing(waker);
    poller.wait(1000);
    t.same(receiveAll(), [0, 0], 'a ring is not a datagram');
    t.same(asked, []);
  });
}

t.test('a queue that packets were written to is looked at: the kernel may have answered within the call', async (t) => {
  let reads = 0;
  let taken = 1;
  const system = { tunRead: () => ++reads && 0, tunWrite: () => taken } as Partial<SystemCalls> as SystemCalls;
  const queue = new TunQueue(system, 5, { checksum: true, tcpSegmentation: true, udpSegmentation: true });
  const batch = Batch.allocate(100, 1);
  queue.readable = false;
  queue.read(batch, 10);
  t.equal(reads, 0);
  queue.write(batch);
  queue.read(batch, 10);
  t.equal(reads, 1);
  queue.readable = false;
  taken = 0;
  queue.write(batch);
  queue.read(batch, 10);
  t.equal(reads, 1, 'a refused packet is not answered');
});
