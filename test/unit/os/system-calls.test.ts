/** The addon and koffi: what each call does, and that both do the same. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { ADDRESS, Batch, LENGTH, OFFSET, PORT, RECORD, SEGMENT, STATUS, TOS } from '../../../src/bytes/batch.js';
import { seededRandom } from '../../../src/core/random.js';
import { Poller } from '../../../src/os/poller.js';
import { POLLIN, POLLOUT, type SystemCalls, type UdpOptions } from '../../../src/os/system-calls.js';
import { addressBytes } from '../../../src/wire/address.js';
import { chance } from '../bytes/random-packets.js';
import { address, pattern } from '../dataplane/packets.js';
import { both } from './both-system-calls.js';

const EMSGSIZE = 90;
/** A descriptor that no program has, nor opens while it starts. */
const NOT_OPEN = 900;
const loopback = addressBytes(address('127.0.0.1'));
const receiving: UdpOptions = {
  address: loopback,
  port: 0,
  reusePort: false,
  receive: true,
  gro: true,
  sendOnly: false,
  buffer: 1 << 20,
};

for (const { name, system, skip } of both) {
  t.test(`${name}: another thread wakes a poll`, { skip }, async (t) => {
    if (!system) return;
    const waker = system.wakerOpen();
    const worker = new Worker(new URL('./ring.js', import.meta.url), { workerData: { name, waker } });
    new Poller(system, waker, []).wait(-1);
    t.notOk(system.wakerDrain(waker), 'the poller took the ring');
    await once(worker, 'exit');
    system.wakerRing(waker);
    system.wakerRing(waker);
    t.ok(system.wakerDrain(waker));
    t.notOk(system.wakerDrain(waker), 'all rings at once');
    const fds = Int32Array.of(waker, POLLIN | POLLOUT, 0, waker, POLLIN, 7);
    t.equal(system.poll(fds, 0), 1);
    t.same([...fds], [waker, POLLIN | POLLOUT, POLLOUT, waker, POLLIN, 0]);
    system.close(waker);
  });

  t.test(`${name}: a failed call has code, errno and syscall`, { skip }, async (t) => {
    if (!system) return;
    t.throws(() => system.close(-1), { code: 'EBADF', errno: 9, syscall: 'close', message: /^close: Bad file descr/ });
    t.throws(() => system.wakerRing(-1), { code: 'EBADF' });
    const waker = system.wakerOpen();
    t.throws(() => system.udpPort(waker), { code: 'ENOTSOCK', syscall: 'getsockname' });
    system.close(waker);
    const receive = () => system.udpReceive(-1, Buffer.alloc(9), 0, 9, new Int32Array(RECORD), 0, 1);
    t.throws(receive, { code: 'EBADF', syscall: 'recvmmsg' });
    const foreign = addressBytes(address('192.0.2.99'));
    t.throws(() => system.udpOpen({ ...receiving, address: foreign }), { code: 'EADDRNOTAVAIL', syscall: 'bind' });
    const fd = system.udpOpen(receiving);
    const taken = { ...receiving, port: system.udpPort(fd) };
    t.throws(() => system.udpOpen(taken), { code: 'EADDRINUSE', syscall: 'bind' });
    system.close(fd);
    t.throws(() => system.notify('/nowhere/to/be/found', 'READY=1'), { code: 'ENOENT', syscall: 'sendto' });
    t.equal(system.tunOffload(-1, 0), 9);
  });

  t.test(`${name}: a lock is one's own until it is closed`, { skip }, async (t) => {
    if (!system) return;
    const directory = t.testdir();
    const [one, other] = [openSync(directory, 'r'), openSync(directory, 'r')];
    t.ok(system.lock(one));
    t.ok(system.lock(one), 'once more');
    t.notOk(system.lock(other));
    closeSync(one);
    t.ok(system.lock(other));
    closeSync(other);
    t.throws(() => system.lock(-1), { code: 'EBADF', syscall: 'flock' });
  });

  t.test(`${name}: a full socket counts what it drops`, { skip }, async (t) => {
    if (!system) return;
    for (const text of ['127.0.0.1', '::1']) {
      const own = address(text);
      const fd = system.udpOpen({ ...receiving, address: addressBytes(own), gro: false, buffer: 1 });
      t.equal(system.udpDrops(fd), 0);
      const egress = system.udpOpen({ ...receiving, address: addressBytes(own), receive: false, sendOnly: true });
      const batch = Batch.allocate(64_000, 64);
      for (let i = 0; i < 64; i++) {
        const row = batch.append(1000 * i, 1000);
        batch.records[row + PORT] = system.udpPort(fd);
        batch.records.set(own.words, row + ADDRESS);
      }
      t.equal(system.udpSend(Int32Array.of(egress), batch.bytes, batch.records, 64, 0), 64);
      const received = system.udpReceive(fd, Buffer.alloc(64_000), 0, 1000, new Int32Array(64 * RECORD), 0, 64);
      t.ok(received > 0 && received < 64, `${received} of 64`);
      t.equal(system.udpDrops(fd), 64 - received);
      t.equal(system.udpDrops(egress), 0);
      for (const open of [fd, egress]) system.close(open);
    }
    t.throws(() => system.udpDrops(-1), { code: 'EBADF', syscall: 'SO_MEMINFO' });
    t.throws(() => system.udpDrops(undefined as never), TypeError);
  });

  t.test(`${name}: wrong arguments throw before memory is touched`, { skip }, async (t) => {
    if (!system) return;
    const bytes = Buffer.alloc(30);
    const record = (...words: number[]) => Int32Array.from({ length: RECORD }, (_, i) => words[i] ?? 0);
    const wrong: [string, () => unknown][] = [
      ['an address of 4 bytes', () => system.udpOpen({ ...receiving, address: new Uint8Array(4) })],
      ['a port above 65535', () => system.udpOpen({ ...receiving, port: 65_536 })],
      ['a buffer of 2 GiB', () => system.udpOpen({ ...receiving, buffer: 2 ** 31 })],
      ['a record beyond the bytes', () => system.udpSend(Int32Array.of(1), bytes, record(21, 10), 1, 0)],
      ['a negative offset', () => system.udpSend(Int32Array.of(1), bytes, record(-1, 10), 1, 0)],
      ['a negative socket', () => system.udpSend(Int32Array.of(1), bytes, record(0, 10, 0, 0, 0, -1), 1, 0)],
      ['a TOS above 255', () => system.udpSend(Int32Array.of(1), bytes, record(0, 10, 0, 0, 0, 0, 0, 256), 1, 0)],
      ['no socket', () => system.udpSend(Int32Array.of(), bytes, record(), 1, 0)],
      ['more records than there are', () => system.udpSend(Int32Array.of(1), bytes, record(), 2, 0)],
      ['slots beyond the bytes', () => system.udpReceive(1, bytes, 0, 16, new Int32Array(RECORD * 2), 0, 2)],
      ['records beyond the end', () => system.udpReceive(1, bytes, 0, 1, new Int32Array(RECORD * 2), 1, 2)],
      ['an fd that is no integer', () => system.udpReceive(1.5, bytes, 0, 1, new Int32Array(RECORD), 0, 1)],
      ['no room for a virtio header', () => system.tunWrite(1, bytes, record(5, 10), 1)],
      ['a packet beyond the bytes', () => system.tunWrite(1, bytes, record(10, 21), 1)],
      ['a packet without its end', () => system.tunWrite(1, bytes, record(10, 10, 0, 1), 1)],
      ['a short headroom', () => system.tunRead(1, bytes, 5, 0, 30, new Int32Array(RECORD), 0)],
      ['an end beyond the bytes', () => system.tunRead(1, bytes, 10, 0, 31, new Int32Array(RECORD), 0)],
      ['a cursor beyond the end', () => system.tunRead(1, bytes, 10, 30, 29, new Int32Array(RECORD), 0)],
      ['a record beyond the table', () => system.tunRead(1, bytes, 10, 0, 30, new Int32Array(RECORD), 2)],
      ['no triples', () => system.poll(new Int32Array(4), 0)],
      ['more descriptors than 64', () => system.poll(new Int32Array(300), 0)],
      ['a long name', () => system.tunOpen('a-name-that-is-too-long', false, true)],
      ['a long path', () => system.notify('x'.repeat(108), '')],
      ['a long message', () => system.notify('x', 'x'.repeat(1024))],
      ['a destination of 4 bytes', () => system.pathMtu(loopback, new Uint8Array(4))],
    ];
    for (const [title, call] of wrong) t.throws(call, RangeError, title);
    const none = undefined as never;
    const types: [string, () => unknown][] = [
      ['a name', () => system.tunOpen(none, false, true)],
      ['a flag', () => system.tunOpen('x', none, true)],
      ['options', () => system.udpOpen(none)],
      ['an option', () => system.udpOpen({ ...receiving, receive: none })],
      ['bytes', () => system.tunWrite(1, none, record(), 1)],
      ['bytes of another kind', () => system.tunWrite(1, new Int32Array(30) as never, record(), 1)],
      ['records', () => system.tunWrite(1, bytes, none, 0)],
      ['descriptors', () => system.udpSend(none, bytes, record(), 1, 0)],
      ['a descriptor', () => system.wakerDrain(none)],
      ['a mask', () => system.keepCapabilities(none)],
      ['a mask of 65 bits', () => system.keepCapabilities(1n << 64n)],
    ];
    for (const [title, call] of types) t.throws(call, TypeError, title);
  });

  t.test(`${name}: a datagram longer than its slot, and TOS`, { skip }, async (t) => {
    if (!system) return;
    for (const text of ['127.0.0.1', '::1']) {
      const own = address(text);
      const fd = system.udpOpen({ ...receiving, address: addressBytes(own) });
      const other = createSocket(text === '::1' ? 'udp6' : 'udp4');
      for (const length of [50, 3]) other.send(Buffer.alloc(length, 7), system.udpPort(fd), text);
      await once(other, 'listening');
      const bytes = Buffer.alloc(100);
      const records = new Int32Array(RECORD * 3).fill(-1);
      while (system.poll(Int32Array.of(fd, POLLIN, 0), 1000) === 0);
      let count = 0;
      while (count < 2) count += system.udpReceive(fd, bytes, 40 + 20 * count, 20, records, 1 + count, 2 - count);
      t.same(
        [...records],
        [
          ...Array<number>(RECORD).fill(-1),
          ...[40, 0, 0, 0, EMSGSIZE, 0, other.address().port, 0, ...own.words],
          ...[60, 3, 0, 0, 0, 0, other.address().port, 0, ...own.words],
        ],
      );
      t.equal(bytes.subarray(60, 64).toString('hex'), '07070700');
      t.equal(system.udpReceive(fd, bytes, 0, 20, records, 0, 2), 0, 'none waits');
      other.close();
      system.close(fd);
    }
  });

  t.test(`${name}: who only sends hears nothing, also after garbage was collected`, { skip }, async (t) => {
    if (!system) return;
    collectGarbage();
    const fd = system.udpOpen({ ...receiving, receive: false, sendOnly: true });
    const batch = Batch.allocate(10, 1);
    const row = batch.append(0, 10);
    batch.records[row + PORT] = system.udpPort(fd);
    batch.records.set(address('127.0.0.1').words, row + ADDRESS);
    t.equal(system.udpSend(Int32Array.of(fd), batch.bytes, batch.records, 1, 0), 1);
    t.equal(system.poll(Int32Array.of(fd, POLLIN, 0), 20), 0);
    system.close(fd);
  });

  t.test(`${name}: word to the service manager`, { skip: skip || pythonSkip() }, async (t) => {
    if (!system) return;
    const path = `@podwire-test-${process.pid}-${name}`;
    const program =
      "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('\\0' + sys.argv[1]); print('bound', flush=True); print(s.recv(99).decode())";
    const listener = spawn('python3', ['-c', program, path.slice(1)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let heard = '';
    listener.stdout.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    while (!heard.includes('bound')) await once(listener.stdout, 'data');
    system.notify(path, 'READY=1');
    await once(listener, 'close');
    t.equal(heard, 'bound\nREADY=1\n');
  });

  t.test(`${name}: a copy of another process's descriptor is the same file`, { skip }, async (t) => {
    if (!system) return;
    const waker = system.wakerOpen();
    const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', waker] });
    const pid = holder.pid ?? 0;
    const copy = system.descriptorOf(pid, 3);
    t.not(copy, waker);
    system.wakerRing(copy);
    t.ok(system.wakerDrain(waker));
    system.close(copy);
    t.throws(() => system.descriptorOf(pid, NOT_OPEN), { code: 'EBADF', syscall: 'pidfd_getfd' });
    const gone = once(holder, 'close');
    holder.kill();
    await gone;
    t.throws(() => system.descriptorOf(pid, 3), { code: 'ESRCH', syscall: 'pidfd_open' });
    t.throws(() => system.descriptorOf(undefined as never, 3), TypeError);
    system.close(waker);
  });

  t.test(`${name}: capabilities of a thread are given up`, { skip }, async (t) => {
    if (!system) return;
    const script = fileURLToPath(new URL('./capabilities.js', import.meta.url));
    const run = spawnSync(process.execPath, [script, name], { encoding: 'utf8' });
    t.equal(run.stderr, '');
    const [before, after, threads] = JSON.parse(run.stdout) as [string, string, string];
    const kept = BigInt(`0x${before}`) & (1n << 12n);
    t.equal(BigInt(`0x${after}`), kept);
    t.equal(BigInt(`0x${threads}`), kept, 'and of those that it starts');
  });
}

t.test('both send the same and hear the same', { skip: both[0].skip || both[1].skip }, async (t) => {
  const [{ system: addon }, { system: koffi }] = both;
  if (!addon || !koffi) return;
  const seed = Number(process.env['PODWIRE_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const { below, often } = chance(random);
  for (let round = 0; round < 60; round++) {
    const to = address(often(0.5) ? '127.0.0.1' : '::1');
    const length = [1, 100, 9000][below(3)] + below(20);
    const segment = often(0.5) ? Math.min(length, 300 + below(1000)) : 0;
    const batch = Batch.allocate(20_000, 12);
    pattern(20_000).copy(batch.bytes);
    for (let i = below(12); i >= 0; i--) {
      const row = batch.append(below(10_000), length);
      batch.records[row + SEGMENT] = segment;
      batch.records[row + TOS] = often(0.5) ? below(256) : 0;
      batch.records.set(to.words, row + ADDRESS);
    }
    const heard = [
      exchange(addon, addon, batch, addressBytes(to)),
      exchange(koffi, addon, batch, addressBytes(to)),
      exchange(addon, koffi, batch, addressBytes(to)),
    ];
    t.same(heard[1], heard[0], 'sent by koffi');
    t.same(heard[2], heard[0], 'received by koffi');
    if (!t.passing()) break;
  }
  t.equal(koffi.pathMtu(loopback, loopback), addon.pathMtu(loopback, loopback));
  t.equal(koffi.pathMtu(loopback, addressBytes(address('::1'))), 0, 'no path between families');
});

/** Sends the batch to a socket and receives it. @returns what both say of it, but the ports */
function exchange(from: SystemCalls, to: SystemCalls, batch: Batch, own: Uint8Array): unknown[] {
  const socket = to.udpOpen({ ...receiving, address: own });
  const egress = from.udpOpen({ ...receiving, address: own, receive: false, sendOnly: true });
  const port = to.udpPort(socket);
  for (let i = 0; i < batch.count; i++) batch.records[i * RECORD + PORT] = port;
  const sent = from.udpSend(Int32Array.of(egress), batch.bytes, batch.records, batch.count, 5);
  const status = Array.from({ length: batch.count }, (_, i) => batch.records[i * RECORD + STATUS]);
  const arena = Buffer.alloc(70 * 65_536);
  const records = new Int32Array(70 * RECORD);
  const count = to.udpReceive(socket, arena, 0, 65_536, records, 0, 70);
  const messages = Array.from({ length: count }, (_, i) => {
    const [offset, length, segment] = records.subarray(i * RECORD + OFFSET);
    const tos = records[i * RECORD + TOS];
    t.equal(records[i * RECORD + PORT], from.udpPort(egress));
    const source = [...records.subarray(i * RECORD + ADDRESS, (i + 1) * RECORD)];
    return {
      segment,
      tos,
      source,
      bytes: arena.toString('hex', offset, offset + length),
      length: records[i * RECORD + LENGTH],
    };
  });
  to.close(socket);
  from.close(egress);
  return [sent, status, messages];
}

/** What only an address pointed to is freed now, and its memory written over. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  for (let i = 0; i < 1000; i++) Buffer.alloc(8 + (i % 64), 0xff);
}

function pythonSkip(): string | false {
  return spawnSync('python3', ['--version']).status === 0 ? false : 'needs python3';
}
