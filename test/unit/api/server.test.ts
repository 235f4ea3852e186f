import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ApiClient } from '../../../src/api/client.js';
import { ApiServer } from '../../../src/api/server.js';
import { PodwireError } from '../../../src/wire/error.js';
import { temporaryFolder } from '../temporary-folder.js';
import { COUNTERS_READ, EVENTS, FakeNode, IPAM, KEYS, MEMBERS, PEERS, STATUS } from './fake-node.js';

async function serve(t: Test): Promise<{ node: FakeNode; server: ApiServer; socket: string; client: ApiClient }> {
  const socket = join(temporaryFolder(t), 'run', 'api.sock');
  const node = new FakeNode();
  const server = new ApiServer(node, socket);
  await server.listen();
  t.teardown(() => server.close());
  return { node, server, socket, client: new ApiClient(socket) };
}

/** Sends bytes as they are and returns all that comes back until the end. */
async function raw(socketPath: string, bytes: string | Buffer): Promise<string> {
  const socket = connect(socketPath);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

interface Answered {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function ask(socketPath: string, method: string, path: string, body = ''): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

t.test('a client gets what the node says', async (t) => {
  const { client, node } = await serve(t);
  t.strictSame(await client.status(), STATUS);
  t.strictSame(await client.peers(), PEERS);
  t.strictSame(await client.routes(), node.routes());
  t.strictSame(await client.counters(), COUNTERS_READ);
  t.strictSame(await client.reload(), { added: ['bravo'], removed: [], changed: [], unchanged: 1 });
  t.match(await client.metrics(), /^podwire_info\{node="alpha"/m);
  await client.down();
  t.strictSame(node.asked.slice(-1), ['down']);
});

t.test('and what the cluster is like', async (t) => {
  const { client, node } = await serve(t);
  t.strictSame(await client.members(), MEMBERS);
  t.strictSame(await client.ipam(), IPAM);
  t.strictSame(await client.keys(), KEYS);
  t.strictSame(await client.events(), EVENTS);
  t.strictSame(await client.keyAdd('abc='), KEYS);
  t.strictSame(await client.keyUse('3f2a90c1'), KEYS);
  await t.rejects(client.keyRemove('77b0d1e4'), {
    code: 'REFUSED',
    message: 'bravo still seals with key 77b0d1e4; nothing was changed',
  });
  await client.leave();
  await client.leave(true);
  t.equal(await client.restart(), 4712);
  await client.handOver(4711);
  t.strictSame(node.asked, ['add abc=', 'use 3f2a90c1', 'leave', 'leave by force', 'restart', 'hand over to 4711']);
});

t.test('events come as they happen, until the server goes', async (t) => {
  const { client, node, server } = await serve(t);
  const later = { at: '2026-01-01T00:00:02.000Z', kind: 'left', node: 'bravo', message: 'bravo has left' };
  const seen: unknown[] = [];
  for await (const event of client.followEvents(new AbortController().signal)) {
    seen.push(event);
    if (seen.length === EVENTS.length) for (const listener of node.listeners) listener(later);
    if (seen.length > EVENTS.length) await server.close();
  }
  t.strictSame(seen, [...EVENTS, later]);
  t.equal(node.listeners.size, 0, 'nobody listens any more');
});

t.test('a reader of events that does not read is cut off', async (t) => {
  const { node, socket } = await serve(t);
  const reader = connect(socket);
  reader.on('error', () => {});
  reader.write('GET /v1/events/stream HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(reader, 'readable');
  const [listener] = node.listeners;
  const event = { at: '2026-01-01T00:00:02.000Z', kind: 'joined', message: 'x'.repeat(100_000) };
  for (let i = 0; i < 200 && node.listeners.size > 0; i++) {
    listener(event);
    await new Promise(setImmediate);
  }
  t.equal(node.listeners.size, 0);
  reader.destroy();
});

t.test('a reader that has seen enough leaves nothing behind', async (t) => {
  const { client, node } = await serve(t);
  const stop = new AbortController();
  for await (const _ of client.followEvents(stop.signal)) stop.abort();
  while (node.listeners.size > 0) await new Promise(setImmediate);
  t.equal(node.listeners.size, 0);
});

t.test('a reader to whom nothing is told yet is answered, and may go', async (t) => {
  const { client, node, socket } = await serve(t);
  node.recentEvents = () => [];
  const asked = request({ socketPath: socket, path: '/v1/events/stream', agent: false }).end();
  const [answer] = await once(asked, 'response');
  t.match(answer, { statusCode: 200, headers: { 'content-type': 'application/x-ndjson' } });
  asked.destroy();

  const stop = new AbortController();
  const reading = client.followEvents(stop.signal).next();
  while (node.listeners.size === 0) await new Promise(setImmediate);
  stop.abort();
  t.strictSame(await reading, { value: undefined, done: true }, 'no failure');
});

t.test('a node that is gone in the middle of its events', async (t) => {
  const { client, node } = await serve(t);
  const reading = client.followEvents(new AbortController().signal);
  for (const _ of EVENTS) await reading.next();
  const [cut] = node.listeners;
  // What cannot be told any more cuts the reader off, as the end of the process does.
  cut({ at: '2026-01-01T00:00:02.000Z', kind: 'joined', message: 'x'.repeat(8 << 20) });
  await t.rejects(reading.next(), { code: 'NO_AGENT' });
});

t.test('many at once', async (t) => {
  const { client, node } = await serve(t);
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.status()));
  t.ok(answers.every(({ node }) => node === 'alpha'));
  t.equal(node.asked.length, 50);
});

t.test('only the user that runs the node may open the socket', async (t) => {
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  const { socket } = await serve(t);
  t.equal(statSync(socket).mode & 0o777, 0o600);
  t.equal(process.umask(), 0, 'the umask is as it was');
});

t.test('close removes the socket', async (t) => {
  const { server, socket, client } = await serve(t);
  await client.status();
  await server.close();
  t.notOk(existsSync(socket));
  await t.rejects(client.status(), { code: 'NO_AGENT' });
});

t.test('a node that ends because it was asked to still answers', async (t) => {
  const { node, server, client, socket } = await serve(t);
  node.onDown = () => server.close();
  await client.down();
  t.notOk(existsSync(socket));
});

t.test('a connection that says nothing does not outlive the server', async (t) => {
  const { server, socket } = await serve(t);
  const idle = connect(socket);
  await once(idle, 'connect');
  // The server has it once it has answered another.
  await new ApiClient(socket).status();
  const closed = once(idle, 'close');
  await server.close();
  await closed;
});

t.test('a server that goes while it answers: nothing more for readers, and 503', async (t) => {
  const { node, server, client, socket } = await serve(t);
  const standing = connect(socket);
  standing.write('GET /v1/events/stream HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(standing, 'readable');
  const [listener] = node.listeners;
  const event = { at: '2026-01-01T00:00:02.000Z', kind: 'joined', message: 'x'.repeat(500_000) };
  listener(event);
  const open = connect(socket);
  open.write('POST /v1/cni HTTP/1.1\r\nhost: x\r\n');
  await once(open, 'connect');

  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    node.onDown = async () => {
      await server.close();
      resolve();
      await held;
    };
  });
  const down = client.down();
  await asked;
  t.equal(node.listeners.size, 0);
  t.doesNotThrow(() => listener(event), 'one that is told all the same writes nothing');
  open.write('content-length: 2\r\n\r\n{}');
  const [answer] = await once(open, 'data');
  t.match(String(answer), /^HTTP\/1\.1 503 /);
  release();
  await down;
});

t.test('as many at once as a node has pods', async (t) => {
  const { node, client } = await serve(t);
  const most = 200;
  let waiting = 0;
  let release = () => {};
  const all = new Promise<void>((resolve) => {
    release = resolve;
  });
  node.onReload = async () => {
    if (++waiting === most) release();
    await all;
  };
  const answers = await Promise.allSettled(Array.from({ length: most }, () => client.reload()));
  t.same(
    answers.filter(({ status }) => status === 'rejected'),
    [],
  );
});

t.test('errors of the node arrive as they were thrown', async (t) => {
  const { node, client } = await serve(t);
  node.onReload = async () => {
    throw new PodwireError('CONFIG', 'mtu: is wrong\nnothing was changed');
  };
  await t.rejects(client.reload(), {
    name: 'PodwireError',
    code: 'CONFIG',
    message: 'mtu: is wrong\nnothing was changed',
  });
  node.statusNow = () => {
    throw new PodwireError('NO_AGENT', 'podwire is starting');
  };
  await t.rejects(client.status(), { code: 'NO_AGENT', message: 'podwire is starting' });
  await t.rejects(client.metrics(), { code: 'NO_AGENT', message: 'podwire is starting' });
  node.statusNow = () => {
    throw new TypeError('a mistake');
  };
  await t.rejects(client.status(), { code: 'INTERNAL', message: 'a mistake' });
});

t.test('requests for something else', async (t) => {
  const { socket } = await serve(t);
  const cases: [string, string, string, number, object][] = [
    ['GET', '/', '', 404, { code: 'NOT_FOUND', message: 'there is nothing at /' }],
    ['GET', '/v1/statuses', '', 404, { code: 'NOT_FOUND', message: 'there is nothing at /v1/statuses' }],
    ['GET', '/__proto__', '', 404, { code: 'NOT_FOUND', message: 'there is nothing at /__proto__' }],
    ['POST', '/v1/status', '', 405, { code: 'METHOD_NOT_ALLOWED', message: '/v1/status takes GET, not POST' }],
    [
      'POST',
      '/v1/keys/add',
      'not JSON',
      422,
      { code: 'CONFIG', message: 'the body must be JSON with a text named key: nothing was changed' },
    ],
    [
      'POST',
      '/v1/keys/use',
      '{"id": 7}',
      422,
      { code: 'CONFIG', message: 'the body must be JSON with a text named id: nothing was changed' },
    ],
    [
      'POST',
      '/v1/keys/use',
      'null',
      422,
      { code: 'CONFIG', message: 'the body must be JSON with a text named id: nothing was changed' },
    ],
    ['GET', '/v1/down', '', 405, { code: 'METHOD_NOT_ALLOWED', message: '/v1/down takes POST, not GET' }],
    [
      'POST',
      '/v1/reload',
      'x'.repeat(64 * 1024 + 1),
      413,
      { code: 'TOO_LARGE', message: 'a body is at most 65536 bytes' },
    ],
  ];
  for (const [method, path, body, status, problem] of cases) {
    const answer = await ask(socket, method, path, body);
    t.equal(answer.status, status, `${method} ${path}`);
    t.strictSame(JSON.parse(answer.body), problem);
  }
  t.equal((await ask(socket, 'GET', '/v1/down')).headers['allow'], 'POST');
  t.equal((await ask(socket, 'GET', '/v1/status?pretty')).status, 200, 'a query is ignored');
  t.equal(
    (await ask(socket, 'POST', '/v1/reload', 'x'.repeat(64 * 1024))).status,
    200,
    'a body of the largest size too',
  );
});

t.test('garbage is answered and survived', async (t) => {
  const { socket, client } = await serve(t);
  const garbage: (string | Buffer)[] = [
    'hello\r\n\r\n',
    Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 7919) & 0xff)),
    `GET /v1/status HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(10_000)}\r\n\r\n`,
    'POST /v1/reload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ];
  for (const bytes of garbage) {
    const answer = await raw(socket, bytes);
    t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    t.match(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))), { code: 'BAD_REQUEST' });
  }
  const broken = connect(socket);
  await once(broken, 'connect');
  broken.write('GET /v1/sta');
  broken.destroy();
  t.equal((await client.status()).node, 'alpha');
});

t.test('a socket whose process is gone is taken over', async (t) => {
  const socket = join(temporaryFolder(t), 'api.sock');
  const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script]), 'exit');
  t.ok(existsSync(socket), 'it was left');
  await t.rejects(new ApiClient(socket).status(), { code: 'NO_AGENT' });

  const server = new ApiServer(new FakeNode(), socket);
  await server.listen();
  t.teardown(() => server.close());
  t.equal((await new ApiClient(socket).status()).node, 'alpha');
});

t.test('a socket on which somebody answers is left alone', async (t) => {
  const { socket, client } = await serve(t);
  await t.rejects(new ApiServer(new FakeNode(), socket).listen(), {
    code: 'RUNNING',
    message: `a podwire runs already and answers on ${socket}: nothing was changed; end it with podwire down, or choose another --socket`,
  });
  t.equal((await client.status()).node, 'alpha');
});

t.test('a path that would be cut off', async (t) => {
  const path = join(temporaryFolder(t), 'x'.repeat(107));
  await t.rejects(new ApiServer(new FakeNode(), path).listen(), {
    code: 'MACHINE',
    message: `the API socket ${path} has a longer path than 107 bytes: nothing was changed`,
  });
});

t.test('a file that is no socket is left alone', async (t) => {
  const file = join(temporaryFolder(t), 'file');
  writeFileSync(file, 'mine');
  await t.rejects(new ApiServer(new FakeNode(), file).listen(), {
    code: 'MACHINE',
    message: `${file} is there already and is no socket: nothing was changed; remove it, or choose another with --socket`,
  });
  t.ok(existsSync(file));
  await t.rejects(new ApiServer(new FakeNode(), join(file, 'below')).listen(), { code: 'MACHINE' });
});

t.test('nobody answers', async (t) => {
  const socket = join(temporaryFolder(t), 'api.sock');
  await t.rejects(new ApiClient(socket).status(), {
    code: 'NO_AGENT',
    message: `no podwire answers on ${socket}: is podwire up running? If it has another socket, name it with --socket, or its file with --config`,
  });
});

t.test('somebody else answers', async (t) => {
  const { createServer } = await import('node:http');
  const socket = join(temporaryFolder(t), 'api.sock');
  const other = createServer((_request, response) => response.end('<html>')).listen(socket);
  await once(other, 'listening');
  t.teardown(() => other.close());
  await t.rejects(new ApiClient(socket).status(), {
    code: 'INTERNAL',
    message: `what answers on ${socket} is no podwire`,
  });
});
