/** Both ends in one process, over loopback; and datagrams by node:dgram, where there is neither addon nor koffi. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import t from 'tap';
import { BenchClient } from '../../../src/bench/client.js';
import { DatagramHeader } from '../../../src/bench/datagram.js';
import { DgramPort } from '../../../src/bench/dgram-port.js';
import { BenchServer } from '../../../src/bench/server.js';
import { doUdpWork, SHARED_WORDS, STOP } from '../../../src/bench/udp-work.js';
import { seededRandom } from '../../../src/core/random.js';
import type { PodwireError } from '../../../src/wire/error.js';

const ADDRESS = '127.0.0.1';

async function serving(admit: (address: string) => Promise<string | undefined>) {
  const said: string[] = [];
  const server = new BenchServer({ node: 'here', admit, pids: [], say: (words) => said.push(words) });
  const port = await server.listen(ADDRESS, 0);
  const client = { address: ADDRESS, port, name: 'here', pids: [] };
  return { server, said, client };
}

t.test('each test, and what is said of it', async (t) => {
  const { server, said, client: options } = await serving(async () => 'me');
  t.teardown(() => server.close());
  const client = await BenchClient.connect(options);
  t.equal(client.node, 'here');
  for (const reverse of [false, true]) {
    const { bytes, bitsPerSecond, seconds } = await client.tcp({ streams: 3, seconds: 0.1, reverse });
    t.ok(bytes > 0 && Math.abs((bytes * 8) / seconds - bitsPerSecond) < 1, `${bytes} bytes`);
  }
  const udp = await client.udp({ size: 100, seconds: 0.2, rate: 2000, joined: true });
  t.ok(udp.sent > 0 && udp.sent <= 401 && udp.received <= udp.sent, JSON.stringify(udp));
  const rtt = await client.rtt({ count: 10, intervalMs: 1, seconds: 20, beside: 'nothing' });
  t.ok(rtt.sent === 10 && rtt.minUs > 0, JSON.stringify(rtt));
  await t.rejects(BenchClient.connect(options), { code: 'REFUSED', message: /^here is measuring for me/ });
  client.close();
  await t.rejects(client.udp({ size: 100, seconds: 1, rate: 0, joined: false }), { code: 'EDGE_LOST' });
  t.match(said, ['me (127.0.0.1) measures', /^me is refused/]);
});

t.test('who is not admitted, or cannot be asked about', async (t) => {
  for (const admit of [async () => undefined, async () => Promise.reject(new Error('no agent'))]) {
    const { server, client } = await serving(admit);
    await t.rejects(BenchClient.connect(client), {
      code: 'REFUSED',
      message: /^127\.0\.0\.1 is not the overlay address/,
    });
    await server.close();
  }
});

t.test('nobody there, and a port that is taken', async (t) => {
  const { server, client } = await serving(async () => 'me');
  const other = new BenchServer({ node: 'other', admit: async () => 'me', pids: [], say: () => {} });
  await t.rejects(other.listen(ADDRESS, client.port), { code: 'MACHINE', message: /is taken/ });
  await server.close();
  await t.rejects(BenchClient.connect(client), { code: 'REFUSED', message: /^nobody serves on here/ });
});

t.test('a server that goes while somebody connects', async (t) => {
  const server = createServer().listen(0, ADDRESS);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = BenchClient.connect({ address: ADDRESS, port, name: 'here', pids: [] });
  // The kernel has made the connection by then; nobody has accepted it, so it is reset.
  process.nextTick(() => server.close());
  await t.rejects(client, { code: 'EDGE_LOST', message: 'the connection to here has broken off' });
});

t.test('whatever is thrown at it, it serves the next', async (t) => {
  const seed = 4711;
  const random = seededRandom(seed);
  const { server, client } = await serving(async () => 'me');
  t.teardown(() => server.close());
  for (let i = 0; i < 60; i++) {
    const socket = connect(client.port, ADDRESS);
    socket.on('error', () => {});
    socket.resume();
    if (i % 2 === 0) socket.write('{"type":"hello","version":1}\n');
    socket.write(Buffer.from(Array.from({ length: Math.floor(random() * 3000) }, () => Math.floor(random() * 256))));
    socket.write('\n');
    if (random() < 0.5) socket.destroy();
    else await once(socket, 'close');
  }
  const last = await connected(client);
  t.ok((await last.rtt({ count: 1, intervalMs: 1, seconds: 5, beside: 'nothing' })).minUs > 0, `seed ${seed}`);
  last.close();
});

/** As soon as the one before is gone. */
async function connected(client: Parameters<typeof BenchClient.connect>[0]): Promise<BenchClient> {
  for (;;) {
    try {
      return await BenchClient.connect(client);
    } catch (error) {
      if (!/is measuring for/.test((error as PodwireError).message)) throw error;
    }
  }
}

t.test('node:dgram does the same', async (t) => {
  const header = new DatagramHeader('0123456789abcdef', 1);
  const echo = await DgramPort.open({ local: ADDRESS, size: 200, joined: false });
  const echoing = new Int32Array(SHARED_WORDS);
  const echoed = doUdpWork(echo, header, { kind: 'echo' }, echoing);
  const target = { address: ADDRESS, port: echo.port };
  const port = await DgramPort.open({ local: ADDRESS, target, size: 100, joined: false });
  const work = { kind: 'ping', count: 5, intervalMs: 1 } as const;
  const { sent, rttsUs } = await doUdpWork(port, header, work, new Int32Array(SHARED_WORDS));
  t.same([sent, rttsUs.length], [5, 5]);
  const rate = { kind: 'send', seconds: 0.1, rate: 500 } as const;
  const flood = await doUdpWork(port, header, rate, new Int32Array(SHARED_WORDS));
  t.ok(flood.sent > 0 && flood.sent <= 51, `${flood.sent} sent`);
  echoing[STOP] = 1;
  t.ok((await echoed).received >= 5);
  port.close();
  echo.close();
});
