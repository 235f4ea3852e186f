import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import t, { type Test } from 'tap';
import type { Endpoint } from '../../../src/control/config/node-config.js';
import type { AcceptedStream, StreamEnd, TransportListener } from '../../../src/control/membership/transport.js';
import { GossipSockets, type StreamLimits } from '../../../src/os/gossip-sockets.js';
import { formatAddress } from '../../../src/wire/address.js';
import { address } from '../control/sample-config.js';

/** A port that is free now, for UDP and TCP. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** What happened at one end of a stream, and a wait for it. */
class Heard implements AcceptedStream {
  text = '';
  /** Set by hand: what proves is no business of the sockets. */
  proven = false;
  reason: string | undefined;
  closes = 0;
  onData: (() => void) | undefined;
  #end: () => void = () => {};
  readonly over = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  data(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes);
    this.onData?.();
  }

  closed(reason?: string): void {
    this.closes++;
    this.reason = reason;
    this.#end();
  }
}

interface Accepted {
  readonly stream: StreamEnd;
  readonly heard: Heard;
}

async function open(t: Test, { port, limits }: { port?: number; limits?: StreamLimits } = {}) {
  const local: Endpoint = { address: address('127.0.0.1'), port: port ?? (await freePort()) };
  const datagrams: { text: string; from: Endpoint }[] = [];
  const accepted: Accepted[] = [];
  const waiting: (() => void)[] = [];
  const news = () => waiting.splice(0).forEach((resolve) => void resolve());
  const listener: TransportListener = {
    datagram: (datagram, from) => {
      datagrams.push({ text: Buffer.from(datagram).toString(), from });
      news();
    },
    accept: (stream) => {
      const heard = new Heard();
      heard.onData = news;
      accepted.push({ stream, heard });
      news();
      return heard;
    },
  };
  const sockets = await GossipSockets.open(local, listener, limits);
  t.teardown(() => sockets.close());
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { local, sockets, datagrams, accepted, until };
}

t.test('datagrams, and where they come from', async (t) => {
  const [alpha, bravo] = [await open(t), await open(t)];
  alpha.sockets.send(Buffer.from('hello'), bravo.local);
  await bravo.until(() => bravo.datagrams.length === 1);
  const [{ text, from }] = bravo.datagrams;
  t.equal(text, 'hello');
  t.equal(`${formatAddress(from.address)}:${from.port}`, `127.0.0.1:${alpha.local.port}`);
});

t.test('what cannot be sent is lost without a word', async (t) => {
  const { sockets } = await open(t);
  sockets.send(Buffer.from('x'), { address: address('::1'), port: 7946 });
  sockets.send(Buffer.alloc(70_000), { address: address('127.0.0.1'), port: 7946 });
  sockets.send(Buffer.from('x'), { address: address('240.0.0.1'), port: 7946 });
  await sockets.close();
  sockets.send(Buffer.from('x'), { address: address('127.0.0.1'), port: 7946 });
  t.pass('also after it was closed');
});

t.test('streams carry both ways, and end', async (t) => {
  const [alpha, bravo] = [await open(t), await open(t)];
  const heard = new Heard();
  const stream = alpha.sockets.connect(bravo.local, heard);
  stream.write(Buffer.from('question'));
  await bravo.until(() => bravo.accepted[0]?.heard.text === 'question');
  const [{ stream: theirs, heard: there }] = bravo.accepted;
  t.equal(formatAddress(theirs.remote.address), '127.0.0.1');
  theirs.write(Buffer.from('answer'));
  theirs.end();
  await heard.over;
  t.equal(heard.text, 'answer', 'what was written comes before the end');
  t.equal(heard.reason, undefined);
  await there.over;
  for (const end of [stream, theirs]) {
    end.write(Buffer.from('late'));
    end.end();
    end.destroy();
  }
  t.same([heard.closes, there.closes], [1, 1], 'each is told once');
});

t.test('nobody there', async (t) => {
  const { sockets } = await open(t);
  const heard = new Heard();
  sockets.connect({ address: address('127.0.0.1'), port: await freePort() }, heard);
  await heard.over;
  t.equal(heard.reason, 'ECONNREFUSED');
  const other = new Heard();
  sockets.connect({ address: address('::1'), port: 7946 }, other);
  await other.over;
  t.ok(other.reason, `of another family: ${other.reason}`);
});

t.test('a port that is taken is one clear line, and nothing stays open', async (t) => {
  const { local, sockets } = await open(t);
  const refused = {
    code: 'MACHINE',
    message: `gossip's 127.0.0.1 port ${local.port} is taken: set gossip.port on this node; nothing was changed`,
  };
  await t.rejects(open(t, { port: local.port }), refused);
  await sockets.close();
  const server = createServer().listen(local.port, '127.0.0.1');
  await once(server, 'listening');
  await t.rejects(open(t, { port: local.port }), refused, 'also where only TCP is');
  server.close();
  await once(server, 'close');
  await (await open(t, { port: local.port })).sockets.close();
  await t.rejects(
    GossipSockets.open(
      { address: address('192.0.2.77'), port: 7946 },
      { datagram: () => {}, accept: () => new Heard() },
    ),
    { code: 'MACHINE', message: /192\.0\.2\.77 port 7946 cannot be bound \(EADDRNOTAVAIL\)/ },
  );
});

t.test('closing ends open streams at both ends, and frees the port', async (t) => {
  const [alpha, bravo] = [await open(t), await open(t)];
  const heard = new Heard();
  alpha.sockets.connect(bravo.local, heard).write(Buffer.from('x'));
  await bravo.until(() => bravo.accepted[0]?.heard.text === 'x');
  await Promise.all([bravo.sockets.close(), bravo.sockets.close()]);
  await Promise.all([heard.over, bravo.accepted[0].heard.over]);
  await (await open(t, { port: bravo.local.port })).sockets.close();
  t.same([heard.closes, bravo.accepted[0].heard.closes], [1, 1]);
});

const PATIENT = { idleMs: 60_000, lifeMs: 60_000, accepted: 8, strangersOfOne: 8 };

/** Somebody connects from one of this machine's addresses, says nothing, and is accepted. */
async function connectFrom(t: Test, { local, accepted, until }: Awaited<ReturnType<typeof open>>, from: string) {
  const before = accepted.length;
  const socket = createConnection({ port: local.port, host: '127.0.0.1', localAddress: from }).on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  await until(() => accepted.length > before);
  return accepted[before].heard;
}

t.test('strangers that hold streams open shut nobody out: the oldest gives way', async (t) => {
  const there = await open(t, { limits: PATIENT });
  const strangers: Heard[] = [];
  for (let i = 0; i < PATIENT.accepted + 5; i++) strangers.push(await connectFrom(t, there, `127.0.0.${2 + (i % 4)}`));
  await Promise.all(strangers.slice(0, 5).map(({ over }) => over));
  t.equal(strangers.filter(({ closes }) => closes > 0).length, 5);
  const heard = new Heard();
  there.sockets.connect(there.local, heard).write(Buffer.from('member'));
  await there.until(() => there.accepted.at(-1)?.heard.text === 'member');
  t.equal(heard.closes, 0, 'a member gets in');
});

t.test('strangers cut nobody off who has proved that it holds the key, however old its stream is', async (t) => {
  const there = await open(t, { limits: PATIENT });
  const members: Heard[] = [];
  const prove = async (from: string) => {
    const member = await connectFrom(t, there, from);
    member.proven = true;
    members.push(member);
  };
  await prove('127.0.0.2');
  await prove('127.0.0.2');
  const strangers: Heard[] = [];
  for (let i = 0; i < 40; i++) strangers.push(await connectFrom(t, there, `127.0.0.${3 + (i % 8)}`));
  await Promise.all(strangers.slice(0, 34).map(({ over }) => over));
  t.same(
    strangers.map(({ closes }) => closes),
    [...new Array(34).fill(1), ...new Array(6).fill(0)],
  );
  while (members.length < PATIENT.accepted) await prove('127.0.0.2');
  const last = await connectFrom(t, there, '127.0.0.9');
  await last.over;
  t.ok(
    members.every(({ closes }) => closes === 0),
    'where all are proven, the stranger is who goes',
  );
});

t.test('one machine holds few streams without proof, and so leaves room for the others', async (t) => {
  const there = await open(t, { limits: { ...PATIENT, strangersOfOne: 3 } });
  const other = await connectFrom(t, there, '127.0.0.2');
  const proven = await connectFrom(t, there, '127.0.0.3');
  proven.proven = true;
  const crowd: Heard[] = [];
  for (let i = 0; i < 20; i++) crowd.push(await connectFrom(t, there, '127.0.0.3'));
  await Promise.all(crowd.slice(0, 17).map(({ over }) => over));
  t.same(
    crowd.slice(17).map(({ closes }) => closes),
    [0, 0, 0],
    'its latest stay',
  );
  t.same([other.closes, proven.closes], [0, 0]);
});

t.test('a stream that moves nothing is closed, and one that never ends', async (t) => {
  for (const [limits, reason] of [
    [{ ...PATIENT, idleMs: 20 }, 'nothing came for 0.02 s'],
    [{ ...PATIENT, lifeMs: 20 }, 'it lasted for 0.02 s'],
  ] as const) {
    const [alpha, bravo] = [await open(t), await open(t, { limits })];
    const heard = new Heard();
    alpha.sockets.connect(bravo.local, heard);
    await heard.over;
    t.equal(heard.reason, undefined, 'a plain end, for who is cut off');
    await bravo.accepted[0].heard.over;
    t.equal(bravo.accepted[0].heard.reason, reason);
  }
});
