/** The library as an embedder meets it, and a stream of packets as the device. */
import { Duplex } from 'node:stream';
import t from 'tap';
import { Batch } from '../../../src/bytes/batch.js';
import { twins } from '../../../src/bytes/index.js';
import { duplexEdge } from '../../../src/dataplane/duplex-edge.js';
import { InlineNode } from '../../../src/dataplane/inline-node.js';
import { MemoryDevice } from '../../../src/dataplane/memory-device.js';
import { MemoryNetwork } from '../../../src/dataplane/memory-network.js';
import { address, icmpEcho, pattern, udpPacket } from './packets.js';

const alphaDescription = { node: 'alpha', underlay: '192.0.2.1', podCidr: ['10.244.1.0/24', 'fd00:244:1::/64'] };
const bravoDescription = { node: 'bravo', underlay: '192.0.2.2', podCidr: '10.244.2.0/24' };
const packet = udpPacket({ from: '10.244.1.5', to: '10.244.2.9' }, pattern(64));

/** A TUN library's object: a packet a chunk. */
class PacketStream extends Duplex {
  readonly written: Buffer[] = [];
  onWritten: () => void = () => {};
  constructor() {
    super({ objectMode: true });
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    this.onWritten();
    done();
  }
}

t.test('two embedded nodes carry packets by themselves', async (t) => {
  const network = new MemoryNetwork();
  const stream = new PacketStream();
  const alpha = await InlineNode.create({
    ...alphaDescription,
    device: duplexEdge(stream),
    network: network.attach(address('192.0.2.1')),
    peers: [bravoDescription],
    work: twins,
  });
  let arrive: (packet: Buffer) => void = () => {};
  const arrived = new Promise<Buffer>((resolve) => {
    arrive = resolve;
  });
  const bravo = await InlineNode.create({
    ...bravoDescription,
    device: new MemoryDevice({ onPacket: (bytes) => arrive(Buffer.from(bytes)) }),
    network: network.attach(address('192.0.2.2')),
    peers: [alphaDescription],
    work: twins,
  });
  stream.push(packet);
  t.same(await arrived, packet);
  t.equal(alpha.counters().tx_frames, 1);
  t.match(alpha.peers(), [{ node: 'bravo', underlay: '192.0.2.2', mtu: 1450, txFrames: 1 }]);
  alpha.close();
  bravo.close();
});

t.test('an answer to the device reaches the stream', async (t) => {
  const network = new MemoryNetwork();
  const stream = new PacketStream();
  const written = new Promise<void>((resolve) => {
    stream.onWritten = resolve;
  });
  const node = await InlineNode.create({
    ...alphaDescription,
    device: duplexEdge(stream),
    network: network.attach(address('192.0.2.1')),
    work: twins,
  });
  stream.push(icmpEcho({ from: '10.244.1.5', to: '10.244.77.1' }, pattern(8)));
  await written;
  t.equal(stream.written[0][20], 3, 'ICMP unreachable');
  node.close();
});

t.test('a stream that ends is told once, and the node stops', async (t) => {
  const network = new MemoryNetwork();
  const stream = new PacketStream();
  const lost = new Promise<unknown>((resolve) => {
    void InlineNode.create({
      ...alphaDescription,
      device: duplexEdge(stream),
      network: network.attach(address('192.0.2.1')),
      work: twins,
      onLost: resolve,
    });
  });
  stream.destroy(new Error('cable cut'));
  t.match(await lost, { code: 'EDGE_LOST', message: /cable cut|closed/ });
});

t.test('a full stream drops and counts, as a full device does', (t) => {
  const stream = new Duplex({ objectMode: true, writableHighWaterMark: 2, read() {}, write() {} });
  const edge = duplexEdge(stream, { limit: 3 });
  for (let i = 0; i < 10; i++) stream.emit('data', packet);
  t.equal(edge.dropped, 7);
  t.end();
});

const whole = 'must be a whole number from';
/** What is wrong with `alpha`, and what is said of it: where it begins. */
const REFUSED: [object, string][] = [
  ...[5, 0, -1, Number.NaN, 1500.5, 100_000, 575, 65_486].map((mtu): [object, string] => [
    { mtu },
    `alpha: mtu ${whole} 576 to 65485, not ${mtu}`,
  ]),
  [{ mtu: '1400' }, `alpha: mtu ${whole} 576 to 65485, not "1400"`],
  [{ mtu: null }, `alpha: mtu ${whole} 576 to 65485, not null`],
  [{ mtu: 1279 }, 'alpha: mtu 1279 is too small for IPv6, which needs 1280'],
  ...[2 ** 24, 1.7, -1, 0].map((vni): [object, string] => [
    { vxlan: { vni } },
    `alpha: vxlan.vni ${whole} 1 to 16777215, not ${vni}`,
  ]),
  [{ vxlan: { vni: 'x' } }, `alpha: vxlan.vni ${whole} 1 to 16777215, not "x"`],
  [{ vxlan: 5 }, 'alpha: vxlan must be an object with vni and port, not 5'],
  ...[0, 70_000].map((port): [object, string] => [
    { vxlan: { port } },
    `alpha: vxlan.port ${whole} 1 to 65535, not ${port}`,
  ]),
  [{ vxlan: { port: 'x' } }, `alpha: vxlan.port ${whole} 1 to 65535, not "x"`],
  ...['maxPeers', 'maxPrefixes'].flatMap((key) =>
    [0, -1, 1e9].map((value): [object, string] => [
      { [key]: value },
      `alpha: ${key} ${whole} 1 to 1048576, not ${value}`,
    ]),
  ),
  [{ maxPeers: 'x' }, `alpha: maxPeers ${whole} 1 to 1048576, not "x"`],
  [{ mac: 'nonsense' }, 'alpha: mac must be a MAC address such as 02:00:5e:10:00:01, not "nonsense"'],
  [{ mac: 'ff:ff:ff:ff:ff:ff' }, "alpha: mac ff:ff:ff:ff:ff:ff is a group's address"],
  [{ mac: '00:00:00:00:00:00' }, "alpha: mac 00:00:00:00:00:00 is nobody's address"],
  [{ mac: 5 }, 'alpha: mac must be a MAC address such as 02:00:5e:10:00:01, not 5'],
  [{ underlay: '192.0.2.300' }, 'alpha: underlay must be an IPv4 or IPv6 address, not "192.0.2.300"'],
  [{ underlay: undefined }, 'alpha: underlay must be an IPv4 or IPv6 address, not undefined'],
  ...['0.0.0.0', '224.0.0.1', '255.255.255.255', 'ff02::1'].map((underlay): [object, string] => [
    { underlay },
    `alpha: underlay ${underlay} is no single host's address`,
  ]),
  [{ node: '' }, 'this node: node must be letters, digits, '],
  [{ node: undefined }, 'this node: node must be letters, digits, '],
  [{ podCidr: [] }, 'alpha: podCidr must be a prefix such as 10.1.2.0/24, not an empty list'],
  [{ podCidr: undefined }, 'alpha: podCidr must be a prefix such as 10.1.2.0/24, not undefined'],
  [{ podCidr: [5] }, 'alpha: podCidr must be a prefix such as 10.1.2.0/24, not 5'],
  [{ podCidr: '10.244.1.1/24' }, 'alpha: podCidr 10.244.1.1/24 has bits set behind /24: write 10.244.1.0/24'],
  [{ podCidr: '10.244.1.0\n/24' }, 'alpha: podCidr 10.244.1.0\\u000a is not an IPv4 or IPv6 address'],
  [{ podCidr: '224.0.0.0/8' }, 'alpha: podCidr 224.0.0.0/8 overlaps 224.0.0.0/3'],
  [
    { podCidr: ['10.244.1.0/24', '10.244.3.0/24'] },
    'alpha: podCidr 10.244.3.0/24 is a second IPv4 prefix: at most one a family',
  ],
  [
    { podCidr: ['10.244.1.0/24', 'fd00:244:1::/64', '10.244.3.0/24'] },
    'alpha: podCidr 10.244.3.0/24 is a second IPv4 prefix: at most one a family',
  ],
  [{ podCidr: '10.244.1.0/31' }, 'alpha: podCidr 10.244.1.0/31 is too small for pods: write /30 or a shorter length'],
  ...['fd00::/127', 'fd00::/128'].map((podCidr): [object, string] => [
    { podCidr },
    `alpha: podCidr ${podCidr} is too small for pods: write /126 or a shorter length`,
  ]),
  [{ device: undefined }, 'alpha: device must be an object, not undefined'],
  [{ device: { capabilities: {} } }, 'alpha: device.read must be a function, not undefined'],
  [{ network: undefined }, 'alpha: network must be an object, not undefined'],
  [{ network: new MemoryDevice() }, 'alpha: network.receive must be a function, not undefined'],
  [{ work: undefined }, 'alpha: work must be an object, not undefined'],
  [{ work: { ...twins, join: 5 } }, 'alpha: work.join must be a function, not 5'],
  [{ onLost: 5 }, 'alpha: onLost must be a function, not 5'],
  [{ peers: 'bravo' }, 'alpha: peers must be a list, not "bravo"'],
  [{ peers: [{}] }, 'peers[0]: node must be letters, digits, '],
  [{ peers: [bravoDescription, undefined] }, 'peers[1]: node must be described by an object, not undefined'],
  [{ peers: [{ ...bravoDescription, mac: 'x' }] }, 'bravo: mac must be a MAC address '],
  [
    { peers: [{ ...bravoDescription, underlay: 'fd00::2' }] },
    'bravo: underlay is IPv6, and alpha reaches peers over IPv4 only',
  ],
  [
    { peers: [bravoDescription, { ...bravoDescription, node: 'charlie', podCidr: '10.244.3.0/24' }] },
    'bravo and charlie both have the underlay address 192.0.2.2',
  ],
];

for (const [change, beginning] of REFUSED) {
  t.test(`refused in one line: ${beginning}`, async (t) => {
    const device = new MemoryDevice();
    const network = new MemoryNetwork().attach(address('192.0.2.1'));
    const refused = InlineNode.create({ ...alphaDescription, device, network, work: twins, ...change });
    const error = await refused.then(
      (node) => node.close(),
      (error: unknown) => error,
    );
    t.match(error, { code: 'CONFIG', message: /^[^\n]+: nothing was changed$/ });
    t.equal(error instanceof Error && error.message.slice(0, beginning.length), beginning);
  });
}

t.test('closed twice, and with an edge that throws: each edge is closed once', async (t) => {
  const closed: string[] = [];
  const underlay = new MemoryNetwork().attach(address('192.0.2.1'));
  const device = new MemoryDevice();
  device.close = () => {
    closed.push('device');
    throw new Error('stuck');
  };
  underlay.close = () => {
    closed.push('network');
  };
  const node = await InlineNode.create({ ...alphaDescription, device, network: underlay, work: twins });
  t.throws(() => node.close(), { message: 'stuck' });
  t.doesNotThrow(() => node.close());
  t.strictSame(closed, ['device', 'network']);
});

t.test('edges of a node that was refused stay open', async (t) => {
  const device = new MemoryDevice();
  device.close = () => t.fail('closed');
  const network = new MemoryNetwork().attach(address('192.0.2.1'));
  network.close = () => t.fail('closed');
  await t.rejects(InlineNode.create({ ...alphaDescription, device, network, work: twins, mtu: 5 }), { code: 'CONFIG' });
});

t.test('half a stream is no device: ended, or ended before it came, it is lost at once', async (t) => {
  const lost = { code: 'EDGE_LOST' };
  const batch = Batch.allocate(1 << 16, 8);
  const ends = { destroy: (s: Duplex) => s.destroy(), push: (s: Duplex) => s.push(null), end: (s: Duplex) => s.end() };
  for (const [name, end] of Object.entries(ends)) {
    const [later, before] = [new PacketStream(), new PacketStream()];
    const edge = duplexEdge(later);
    t.equal(edge.read(batch, 64), 0);
    const told = new Promise<void>((resolve) => edge.onReadable(resolve));
    end(later);
    await told;
    t.throws(() => edge.read(batch, 64), lost, name);

    end(before);
    before.resume();
    await new Promise((resolve) => setImmediate(resolve));
    t.throws(() => duplexEdge(before).read(batch, 64), lost, `${name}, before`);
  }
});

t.test('chunks that are no packet are counted, never thrown', (t) => {
  const stream = new PacketStream();
  const edge = duplexEdge(stream);
  for (const chunk of ['text', { packet }, Buffer.alloc(65_536)]) stream.emit('data', chunk);
  t.equal(edge.dropped, 3);
  t.end();
});

t.test('a device in memory takes packets, and says what else it was given', (t) => {
  const device = new MemoryDevice();
  const inject = (...given: unknown[]) => Reflect.apply(device.inject, device, given);
  for (const nothing of ['text', null, undefined, [1, 2], 7]) {
    t.throws(() => inject(nothing), { name: 'TypeError', message: /^a packet is a Uint8Array, not \w+: nothing/ });
  }
  t.throws(() => inject(packet, 'header'), { name: 'TypeError', message: /virtio header/ });
  t.throws(() => inject(packet, Buffer.alloc(12)), { name: 'RangeError', message: /10 bytes, not 12/ });
  t.throws(() => inject(Buffer.alloc(65_536)), { name: 'RangeError', message: /65535 bytes, not 65536/ });
  t.equal(device.read(Batch.allocate(1 << 20, 8), 64), 0, 'nothing was queued');
  t.ok(inject(packet, Buffer.alloc(10)) && inject(Buffer.alloc(65_535)));
  t.end();
});

t.test("an address in memory: written or parsed, one at a time, and closed twice it is its successor's", async (t) => {
  const network = new MemoryNetwork();
  t.throws(() => network.attach('192.0.2.300'), { code: 'CONFIG', message: /'192\.0\.2\.300' is no IP address/ });
  const first = network.attach('192.0.2.1');
  t.throws(() => network.attach(address('192.0.2.1')), { name: 'RangeError' });
  first.close();
  network.attach('192.0.2.1');
  first.close();
  t.throws(() => network.attach('192.0.2.1'), { name: 'RangeError' }, 'the successor is still there');
});

/** A node that is lost in its first turn. */
async function doomed(onLost?: (error: unknown) => void) {
  const device = new MemoryDevice();
  const error = new Error('out of paper');
  let closed = 0;
  device.read = () => {
    throw error;
  };
  device.close = () => {
    closed++;
  };
  const network = new MemoryNetwork().attach(address('192.0.2.1'));
  const options = { ...alphaDescription, device, network, work: twins, ...(onLost && { onLost }) };
  return { node: await InlineNode.create(options), error, closed: () => closed };
}

t.test('a node that nobody listens to does not stop unheard', async (t) => {
  const uncaught = new Promise<unknown>((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null));
  const { node, error, closed } = await doomed();
  t.equal(node.lost, undefined);
  t.equal(await uncaught, error);
  t.equal(node.lost, error);
  t.equal(closed(), 0, 'the edges stay open');
  node.close();
  t.equal(closed(), 1);
});

t.test('why a node is lost is told, and stays known', async (t) => {
  const told: unknown[] = [];
  const { node, error } = await doomed((reason) => told.push(reason));
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(told, [error]);
  t.equal(node.lost, error);
  node.close();
  t.equal(node.lost, error);
});

/** What only a program without types hands over. */
const untyped = (value: unknown) => value as never;

t.test('edges that say nothing, or nonsense, of what they can are refused', async (t) => {
  const network = new MemoryNetwork().attach(address('192.0.2.1'));
  const create = (change: object) =>
    InlineNode.create({ ...alphaDescription, device: new MemoryDevice(), network, work: twins, ...change });
  const calls = (names: string[]) => Object.fromEntries(names.map((name) => [name, () => 0]));
  const device = calls(['read', 'write', 'onReadable', 'close']);
  const sockets = calls(['receive', 'send', 'pathMtu', 'onReadable', 'close']);
  const refused = (change: object, message: RegExp) => t.rejects(create(change), { code: 'CONFIG', message });
  await refused({ device }, /^alpha: device\.capabilities must be an object, not undefined/);
  await refused(
    { device: { ...device, capabilities: {} } },
    /^alpha: device\.capabilities\.checksum must be true or fal/,
  );
  await refused({ network: sockets }, /^alpha: network\.capabilities must be an object/);
  await refused(
    { network: { ...sockets, capabilities: { maxSegments: 1, sourcePorts: 0 } } },
    /^alpha: network\.capabilities\.sourcePorts must be a whole number from 1 on, not 0/,
  );
});

t.test('no options, and lists that are none', async (t) => {
  await t.rejects(InlineNode.create(untyped(undefined)), {
    code: 'CONFIG',
    message: 'InlineNode: options must be an object, not undefined: nothing was changed',
  });
  const network = new MemoryNetwork().attach(address('192.0.2.1'));
  const peers = [bravoDescription];
  const node = await InlineNode.create({
    ...alphaDescription,
    device: new MemoryDevice(),
    network,
    peers,
    work: twins,
  });
  const refused = (next: unknown, message: RegExp) =>
    t.rejects(node.setPeers(untyped(next)), { code: 'CONFIG', message });
  await refused(undefined, /^alpha: peers must be a list, not undefined: nothing was changed$/);
  await refused([...peers, {}], /^peers\[1\]: node must be letters/);
  await refused([{ ...bravoDescription, underlay: '192.0.2.1' }], /^alpha \(this node\) and bravo both have the under/);
  await refused([...peers, ...peers], /^peers\[0\] and peers\[1\] both have the name bravo/);
  t.match(node.peers(), [{ node: 'bravo' }]);
  node.close();
});

t.test('the limits themselves are taken', async (t) => {
  for (const change of [
    { mtu: 576, podCidr: '10.244.1.0/30' },
    { mtu: 65_485, vxlan: { vni: 1, port: 1 } },
    { vxlan: { vni: 2 ** 24 - 1, port: 65_535 }, maxPeers: 1, maxPrefixes: 8, peers: [] },
    { podCidr: ['fd00::/126'], mtu: 1280, underlay: '127.0.0.1', mac: '02:00:00:00:00:00' },
  ]) {
    const network = new MemoryNetwork().attach(address('192.0.2.1'));
    const node = await InlineNode.create({
      ...alphaDescription,
      device: new MemoryDevice(),
      network,
      work: twins,
      ...change,
    });
    node.close();
  }
  t.pass();
});
