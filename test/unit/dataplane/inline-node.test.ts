/** The library as an embedder meets it, and a stream of packets as the device. */
import { Duplex } from 'node:stream';
import t from 'tap';
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

t.test('what is no address, prefix or MAC is said in one line', async (t) => {
  const device = new MemoryDevice();
  const network = new MemoryNetwork().attach(address('192.0.2.1'));
  const create = (change: object) =>
    InlineNode.create({ ...alphaDescription, device, network, work: twins, ...change });
  await t.rejects(create({ underlay: '192.0.2.300' }), { code: 'CONFIG', message: /192\.0\.2\.300/ });
  await t.rejects(create({ podCidr: '10.244.1.1/24' }), { code: 'CONFIG', message: /10\.244\.1\.1\/24/ });
  await t.rejects(create({ mac: 'nonsense' }), { code: 'CONFIG', message: /nonsense/ });
});
