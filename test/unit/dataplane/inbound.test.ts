/** What a stranger, a broken peer or a liar sends: dropped, each kind under its own counter, and nothing else happens. */
import t from 'tap';
import { ADDRESS, Batch, PORT, SEGMENT } from '../../../src/bytes/batch.js';
import type { CounterName } from '../../../src/core/counters.js';
import { seededRandom } from '../../../src/core/random.js';
import { MemoryNetwork, type MemoryUnderlay } from '../../../src/dataplane/memory-network.js';
import { encapsulationPrefix } from '../../../src/wire/vxlan.js';
import { address, type Flow, icmpEcho, pattern, udpPacket } from './packets.js';
import { ALPHA, BRAVO, makeNode, peer, settle, type TestNode, type TestOptions } from './two-nodes.js';

const CHARLIE = peer('charlie', '203.0.113.1', '10.244.3.0/24', 'fd00:244:3::/64');
const IN: Flow = { from: '10.244.2.9', to: '10.244.1.5' };
const IN6: Flow = { from: 'fd00:244:2::9', to: 'fd00:244:1::5' };

interface Wire {
  alpha: TestNode;
  bravo: MemoryUnderlay;
  stranger: MemoryUnderlay;
}

/** One node, and the bare underlay of a peer and of somebody unknown. */
async function wire(options: TestOptions = {}): Promise<Wire> {
  const network = new MemoryNetwork();
  const alpha = await makeNode(network, ALPHA, [BRAVO, CHARLIE], options);
  return { alpha, bravo: network.attach(BRAVO.underlay), stranger: network.attach(address('203.0.113.99')) };
}

/** @param segment size of each datagram, where there are several */
function send(from: MemoryUnderlay, datagram: Buffer, segment = 0): void {
  const batch = new Batch(datagram, 0, datagram.length, 1);
  const row = batch.append(0, datagram.length);
  batch.records.set(ALPHA.underlay.words, row + ADDRESS);
  batch.records[row + PORT] = 8472;
  batch.records[row + SEGMENT] = segment;
  from.send(batch);
}

interface FrameOptions {
  vni?: number;
  to?: Uint8Array;
  from?: Uint8Array;
  ethertype?: number;
}

function frame(packet: Buffer, options: FrameOptions = {}): Buffer {
  const to = options.to ?? ALPHA.mac;
  const bytes = Buffer.concat([encapsulationPrefix(options.vni ?? 1, to, options.from ?? BRAVO.mac), packet]);
  bytes.writeUInt16BE(options.ethertype ?? (packet[0] >> 4 === 6 ? 0x86dd : 0x0800), 20);
  return bytes;
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
}

const good = frame(udpPacket(IN, pattern(100)));
const arp = (target: number[], sender = [10, 244, 2, 0]) =>
  frame(Buffer.from([0, 1, 8, 0, 6, 4, 0, 1, ...BRAVO.mac, ...sender, 0, 0, 0, 0, 0, 0, ...target]), {
    to: Buffer.alloc(6, 0xff),
    ethertype: 0x0806,
  });

const CASES: [string, CounterName, Buffer][] = [
  ['an empty datagram', 'rx_truncated', Buffer.alloc(0)],
  ['half a VXLAN header', 'rx_truncated', good.subarray(0, 5)],
  ['no inner packet', 'rx_malformed', good.subarray(0, 22)],
  ['half an IP header', 'rx_malformed', good.subarray(0, 30)],
  ['less than the IP header says', 'rx_malformed', good.subarray(0, 100)],
  ['no VNI flag', 'rx_bad_flags', changed(good, 0, 0)],
  ['an unknown flag', 'rx_bad_flags', changed(good, 0, 0x88)],
  ['a reserved byte', 'rx_bad_flags', changed(good, 2, 1)],
  ['the last reserved byte', 'rx_bad_flags', changed(good, 7, 1)],
  ['another VNI', 'rx_bad_vni', frame(udpPacket(IN, pattern(9)), { vni: 2 })],
  ["somebody else's MAC", 'rx_bad_mac', frame(udpPacket(IN, pattern(9)), { to: CHARLIE.mac })],
  ['our own MAC as the source', 'rx_bad_mac', frame(udpPacket(IN, pattern(9)), { from: ALPHA.mac })],
  ['a zero source MAC', 'rx_bad_mac', frame(udpPacket(IN, pattern(9)), { from: Buffer.alloc(6) })],
  ["a group's source MAC", 'rx_bad_mac', frame(udpPacket(IN, pattern(9)), { from: Buffer.alloc(6, 1) })],
  ['an IPv4 broadcast', 'rx_bad_mac', frame(udpPacket(IN, pattern(9)), { to: Buffer.alloc(6, 0xff) })],
  ['half a path probe', 'rx_malformed', frame(Buffer.alloc(20), { ethertype: 0x88b5 })],
  ['LLDP', 'rx_bad_ethertype', frame(udpPacket(IN, pattern(9)), { ethertype: 0x88cc })],
  ['an ARP request for nobody of ours', 'rx_bad_ethertype', arp([10, 244, 9, 1])],
  ['an ARP request in a false name', 'rx_source_not_owned', arp([10, 244, 1, 5], [10, 244, 3, 1])],
  ['IPv6 in an IPv4 frame', 'rx_malformed', frame(udpPacket(IN6, pattern(9)), { ethertype: 0x0800 })],
  ['IP version 5', 'rx_malformed', changed(good, 22, 0x55)],
  ['an IPv4 header of 16 bytes', 'rx_malformed', changed(good, 22, 0x44)],
  ['a loopback source', 'rx_martian', frame(udpPacket({ ...IN, from: '127.0.0.1' }, pattern(9)))],
  ['a multicast destination', 'rx_martian', frame(udpPacket({ ...IN, to: '224.0.0.1' }, pattern(9)))],
  [
    'an IPv6 multicast',
    'rx_martian',
    frame(udpPacket({ ...IN6, to: 'ff02::1' }, pattern(9)), { to: Buffer.from('333300000001', 'hex') }),
  ],
  ["another peer's source", 'rx_source_not_owned', frame(udpPacket({ ...IN, from: '10.244.3.3' }, pattern(9)))],
  [
    "another peer's IPv6 source",
    'rx_source_not_owned',
    frame(udpPacket({ ...IN6, from: 'fd00:244:3::3' }, pattern(9))),
  ],
  [
    "another peer's underlay address",
    'rx_source_not_owned',
    frame(udpPacket({ ...IN, from: '203.0.113.1' }, pattern(9))),
  ],
  ["nobody's source", 'rx_source_not_owned', frame(udpPacket({ ...IN, from: '8.8.8.8' }, pattern(9)))],
  ['our own source', 'rx_looped', frame(udpPacket({ ...IN, from: '10.244.1.9' }, pattern(9)))],
  ['our own underlay address as source', 'rx_looped', frame(udpPacket({ ...IN, from: '192.0.2.1' }, pattern(9)))],
  ["a third node's destination", 'rx_not_ours', frame(udpPacket({ ...IN, to: '10.244.3.3' }, pattern(9)))],
  ["nobody's destination", 'rx_not_ours', frame(udpPacket({ ...IN, to: '8.8.8.8' }, pattern(9)))],
];

for (const [title, counter, bytes] of CASES) {
  t.test(`${title}: ${counter}`, async (t) => {
    const { alpha, bravo } = await wire();
    send(bravo, bytes);
    settle(alpha);
    t.same(alpha.taken(), []);
    const counted = Object.entries(alpha.overlay.counters.total()).filter(([, value]) => value !== 0);
    t.same(counted, [
      ['rx_datagrams', 1],
      [counter, 1],
    ]);
    send(bravo, good);
    settle(alpha);
    t.equal(alpha.taken().length, 1, 'and the next good frame passes');
  });
}

t.test('a stranger is not heard, whatever he sends', async (t) => {
  const { alpha, stranger } = await wire();
  send(stranger, good);
  send(stranger, arp([10, 244, 1, 5]));
  settle(alpha);
  t.same(alpha.taken(), []);
  t.equal(alpha.counter('rx_unknown_sender'), 2);
});

t.test('neighbours beyond what one turn answers are counted', async (t) => {
  const { alpha, bravo } = await wire();
  const request = arp([10, 244, 1, 200]);
  send(bravo, Buffer.concat(Array.from({ length: 23 }, () => request)), request.length);
  send(bravo, Buffer.concat(Array.from({ length: 17 }, () => request)), request.length);
  settle(alpha);
  t.equal(alpha.counter('rx_datagrams'), 40);
  t.equal(alpha.counter('rx_neighbour_answered'), 32);
  t.equal(alpha.counter('rx_neighbour_limited'), 8);
});

t.test('nor are answers that do not leave counted as such', async (t) => {
  const { alpha, bravo } = await wire({
    wrap: (underlay) => ({
      capabilities: underlay.capabilities,
      receive: (batch) => underlay.receive(batch),
      send: () => 0,
      pathMtu: () => underlay.pathMtu(),
      onReadable: (listener) => underlay.onReadable(listener),
      close: () => underlay.close(),
    }),
  });
  send(bravo, arp([10, 244, 1, 200]));
  settle(alpha);
  t.equal(alpha.counter('rx_neighbour_answered'), 0);
  t.equal(alpha.counter('rx_neighbour_limited'), 1);
});

t.test('bytes behind the packet, such as Ethernet padding, are cut off', async (t) => {
  const { alpha, bravo } = await wire();
  const packet = icmpEcho(IN, pattern(4));
  send(bravo, frame(Buffer.concat([packet, Buffer.alloc(14)])));
  settle(alpha);
  t.same(alpha.taken(), [packet]);
});

t.test('ARP requests and neighbour solicitations are answered for the whole pod subnet', async (t) => {
  const { alpha, bravo } = await wire();
  send(bravo, arp([10, 244, 1, 200]));
  settle(alpha);
  t.equal(alpha.counter('rx_neighbour_answered'), 1);
  const answers = Batch.allocate(65_536, 4);
  bravo.receive(answers);
  t.equal(answers.count, 1);
  const reply = answers.bytes.subarray(0, 50);
  t.equal(reply.subarray(0, 8).toString('hex'), '0800000000000100');
  t.same(reply.subarray(8, 14), Buffer.from(BRAVO.mac));
  t.same(reply.subarray(14, 20), Buffer.from(ALPHA.mac));
  t.same([...reply.subarray(36, 40)], [10, 244, 1, 200]);
  t.equal(reply.readUInt16BE(28), 2);
});

t.test('a flood of noise: nothing thrown, every datagram in one counter, the good flow untouched', async (t) => {
  const seed = Number(process.env['PODWIRE_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const { alpha, bravo, stranger } = await wire();
  const parents = [
    good,
    frame(icmpEcho(IN6, pattern(40))),
    arp([10, 244, 1, 9]),
    frame(udpPacket(IN, pattern(1300))),
    frame(Buffer.alloc(48), { ethertype: 0x88b5 }),
  ];
  let noise = 0;
  let goods = 0;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 100; i++) {
      const parent = parents[Math.floor(random() * parents.length)];
      const bytes = Buffer.from(
        parent.subarray(0, random() < 0.3 ? Math.floor(random() * parent.length) : parent.length),
      );
      for (let hits = 1 + Math.floor(random() * 4); hits > 0 && bytes.length > 0; hits--) {
        bytes[Math.floor(random() * Math.min(bytes.length, 64))] = Math.floor(random() * 256);
      }
      send(random() < 0.8 ? bravo : stranger, bytes);
      noise++;
    }
    send(bravo, frame(udpPacket({ ...IN, toPort: 7777 }, pattern(200, round))));
    goods++;
    settle(alpha);
  }
  const total = alpha.overlay.counters.total();
  t.equal(total.rx_datagrams, noise + goods);
  const ends = Object.entries(total).filter(
    ([name]) => name.startsWith('rx_') && !['rx_datagrams', 'rx_bytes', 'rx_packets', 'rx_mss_clamped'].includes(name),
  );
  t.equal(
    ends.reduce((sum, [, value]) => sum + value, 0),
    noise + goods,
    'delivered or counted, each once',
  );
  const wanted = new Set(Array.from({ length: goods }, (_, round) => pattern(200, round).toString('hex')));
  for (const packet of alpha.taken()) wanted.delete(packet.subarray(28).toString('hex'));
  t.equal(wanted.size, 0, 'every good packet arrived');
});
