import t from 'tap';
import { KernelDrops, sendDropped } from '../../../src/os/kernel-drops.js';
import type { SystemCalls } from '../../../src/os/system-calls.js';

const DEVICES = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
podwire0:  11 2 3 4 5 6 7 8 9 10 11 12345678901 13 14 15 16
podwire01: 0 0 0 0 0 0 0 0 0 0 0 7 0 0 0 0
`;

t.test('what a device dropped, in the words of /proc/net/dev', async (t) => {
  t.equal(sendDropped(DEVICES, 'podwire0'), 12_345_678_901);
  t.equal(sendDropped(DEVICES, 'podwire01'), 7);
  t.equal(sendDropped(DEVICES, 'lo'), 0);
  t.equal(sendDropped(DEVICES, 'podwire'), undefined);
});

/** A kernel in which each socket has dropped this. */
function kernel(drops: Map<number, number>): SystemCalls {
  return { udpDrops: (fd: number) => drops.get(fd) ?? fail() } as Partial<SystemCalls> as SystemCalls;
}

function fail(): never {
  throw Object.assign(new Error('not known'), { code: 'ENOPROTOOPT' });
}

t.test('drops of all sockets, since they were opened, over the end of 32 bits', async (t) => {
  const drops = new Map([
    [5, 3],
    [6, 4],
  ]);
  const read = new KernelDrops(kernel(drops), 'lo', [5, 6]);
  t.same(read.read(), { kernel_tun_queue_full: 0, kernel_socket_buffer_full: 7 });
  drops.set(5, 0xffff_ffff);
  t.equal(read.read().kernel_socket_buffer_full, 0xffff_ffff + 4);
  drops.set(5, 2);
  t.equal(read.read().kernel_socket_buffer_full, 2 ** 32 + 2 + 4, 'the counter began again');
  t.equal(read.read().kernel_socket_buffer_full, 2 ** 32 + 2 + 4);
});

t.test('a kernel that does not tell, a device that is gone', async (t) => {
  const read = new KernelDrops(kernel(new Map()), 'nosuchdevice', [5]);
  t.same(read.read(), { kernel_tun_queue_full: 0, kernel_socket_buffer_full: 0 });
});
