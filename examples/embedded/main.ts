/**
 * podwire inside a program of your own: two nodes in one process, without root and without the addon. Run it with
 * `node dist/examples/embedded/main.js` after `npm ci`.
 *
 * Alpha's pod network is a stream of packets, as TUN libraries give them (`duplexEdge`); bravo's is a `MemoryDevice`.
 * Between them lies a network that loses one datagram in ten (`FaultyUnderlay`), by a seed.
 */
import { Duplex } from 'node:stream';
import { duplexEdge, FaultyUnderlay, InlineNode, MemoryDevice, MemoryNetwork, twins } from 'podwire';
import { pingPacket, sequenceOf } from './ping.js';

const PINGS = 50;
const alpha = { node: 'alpha', underlay: '192.0.2.1', podCidr: '10.244.1.0/24' };
const bravo = { node: 'bravo', underlay: '192.0.2.2', podCidr: '10.244.2.0/24' };

/** One chunk is one IP packet, both ways: here nothing ever comes out of it, because bravo does not answer. */
class PacketStream extends Duplex {
  constructor() {
    super({ objectMode: true });
  }
  override _read(): void {}
  override _write(_packet: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

const network = new MemoryNetwork();
const pods = new PacketStream();
const arrived: number[] = [];

const lossy = new FaultyUnderlay(network.attach(bravo.underlay), { seed: 7, loss: 0.1 });
const sender = await InlineNode.create({
  ...alpha,
  device: duplexEdge(pods),
  network: network.attach(alpha.underlay),
  peers: [bravo],
  work: twins,
});
const receiver = await InlineNode.create({
  ...bravo,
  device: new MemoryDevice({ onPacket: (packet) => arrived.push(sequenceOf(packet)) }),
  network: lossy,
  peers: [alpha],
  work: twins,
});

for (let i = 0; i < PINGS; i++) pods.push(pingPacket('10.244.1.5', '10.244.2.9', i));
while (arrived.length + lossy.counts.lost < PINGS) await new Promise((resolve) => setImmediate(resolve));

console.log(`alpha sent ${sender.counters().tx_frames} frames to bravo`);
console.log(`the network lost ${lossy.counts.lost} of them`);
console.log(`bravo delivered ${arrived.length}, sequence numbers ${arrived[0]} to ${arrived.at(-1)}`);

// Whoever is no peer is not heard, and whose address nobody owns is told.
await receiver.setPeers([]);
pods.push(pingPacket('10.244.1.5', '10.244.2.9', PINGS));
pods.push(pingPacket('10.244.1.5', '10.244.99.1', 0));
while (sender.counters().icmp_sent === 0) await new Promise((resolve) => setImmediate(resolve));
console.log(`alpha answered ${sender.counters().icmp_sent} packet with ICMP unreachable: nobody owns 10.244.99.1`);

sender.close();
receiver.close();
