/** Path probes on their way through the dataplane, and two monitors that talk through it. */
import t from 'tap';
import { ADDRESS, Batch, PORT } from '../../../src/bytes/batch.js';
import { PathMonitor } from '../../../src/core/path-monitor.js';
import { MemoryNetwork, type MemoryUnderlay } from '../../../src/dataplane/memory-network.js';
import type { Peer } from '../../../src/dataplane/peers.js';
import { encodePathProbe, pathProbeId } from '../../../src/wire/path-probe.js';
import { encapsulationPrefix } from '../../../src/wire/vxlan.js';
import { address } from './packets.js';
import { ALPHA, BRAVO, makeNode, peer, settle, type TestNode } from './two-nodes.js';

const VXLAN = { vni: 1, port: 8472 };
const KEY = Buffer.alloc(32, 1);
const CHARLIE = peer('charlie', '203.0.113.1', '10.244.3.0/24');

const fields = { kind: 'request', sequence: 1, sender: pathProbeId('bravo'), target: pathProbeId('alpha') } as const;
const PROBE = encodePathProbe({ ...fields, timestamp: 0n }, encapsulationPrefix(1, ALPHA.mac, BRAVO.mac), KEY);

function send(from: MemoryUnderlay, datagram: Uint8Array, to: Peer): void {
  const batch = new Batch(Buffer.from(datagram), 0, datagram.length, 1);
  const row = batch.append(0, datagram.length);
  batch.records.set(to.underlay.words, row + ADDRESS);
  batch.records[row + PORT] = VXLAN.port;
  from.send(batch);
}

function counted(node: TestNode): Record<string, number> {
  return Object.fromEntries(Object.entries(node.overlay.counters.total()).filter(([, value]) => value !== 0));
}

async function wire(now = () => 0) {
  const probes: { node: string | undefined; frame: Uint8Array }[] = [];
  const network = new MemoryNetwork();
  const alpha: TestNode = await makeNode(network, ALPHA, [CHARLIE, BRAVO], {
    now,
    onProbe: (index, frame) => probes.push({ node: alpha.overlay.peerAt(index)?.node, frame }),
  });
  return { alpha, probes, bravo: network.attach(BRAVO.underlay), stranger: network.attach(address('203.0.113.99')) };
}

t.test('a probe is copied out, with the peer that sent it; nothing reaches the device', async (t) => {
  const { alpha, bravo, probes } = await wire();
  send(bravo, PROBE, ALPHA);
  settle(alpha);
  send(bravo, Buffer.alloc(PROBE.length, 0xff), ALPHA);
  settle(alpha);
  t.same(probes, [{ node: 'bravo', frame: Uint8Array.from(PROBE.subarray(8)) }], 'and later datagrams do not touch it');
  t.same(counted(alpha), { rx_datagrams: 2, rx_probes: 1, rx_bad_flags: 1 });
  t.same(alpha.taken(), []);
});

t.test('what is no probe, or not for us, is dropped', async (t) => {
  const { alpha, bravo, stranger, probes } = await wire();
  send(bravo, PROBE.subarray(0, -1), ALPHA);
  send(bravo, Buffer.concat([PROBE, Buffer.alloc(1)]), ALPHA);
  const elsewhere = Buffer.from(PROBE);
  elsewhere.set(CHARLIE.mac, 8);
  send(bravo, elsewhere, ALPHA);
  send(stranger, PROBE, ALPHA);
  settle(alpha);
  t.same(probes, []);
  t.same(counted(alpha), { rx_datagrams: 4, rx_malformed: 2, rx_bad_mac: 1, rx_unknown_sender: 1 });
});

t.test('a flood of probes is limited, and each is counted once', async (t) => {
  let now = 0;
  const { alpha, bravo, probes } = await wire(() => now);
  for (let i = 0; i < 1000; i++) send(bravo, PROBE, ALPHA);
  settle(alpha);
  t.same(counted(alpha), { rx_datagrams: 1000, rx_probes: 200, rx_probe_limited: 800 });
  now = 100;
  for (let i = 0; i < 1000; i++) send(bravo, PROBE, ALPHA);
  settle(alpha);
  t.same(counted(alpha), { rx_datagrams: 2000, rx_probes: 300, rx_probe_limited: 1700 });
  t.equal(probes.length, 300);
});

t.test('without anybody who watches, probes are counted and that is all', async (t) => {
  const network = new MemoryNetwork();
  const alpha = await makeNode(network, ALPHA, [BRAVO]);
  send(network.attach(BRAVO.underlay), PROBE, ALPHA);
  settle(alpha);
  t.same(counted(alpha), { rx_datagrams: 1, rx_probes: 1 });
});

t.test('two nodes watch each other through their dataplanes', async (t) => {
  let now = 0;
  const network = new MemoryNetwork();
  const watched = async (self: Peer, other: Peer) => {
    const monitor: PathMonitor = new PathMonitor(
      { self, vxlan: VXLAN, keys: [KEY], random: () => 0.5 },
      { send: (_, frame) => send(node.underlay, frame, other), notify: () => undefined },
    );
    const node: TestNode = await makeNode(network, self, [other], {
      onProbe: (index, frame) => monitor.handleFrame(node.overlay.peerAt(index)?.node ?? '', frame, now),
    });
    monitor.setPeers([other], now);
    return { monitor, node };
  };
  const one = await watched(ALPHA, BRAVO);
  const other = await watched(BRAVO, ALPHA);
  const pass = (ms: number) => {
    for (const end = now + ms; now < end; now += 10) {
      for (const { monitor } of [one, other]) if (monitor.wakeAt() <= now) monitor.wake(now);
      settle(one.node, other.node);
    }
  };
  pass(5000);
  t.match(one.monitor.reading('bravo'), { state: 'up', lossPercent: 0 });
  t.match(other.monitor.reading('alpha'), { state: 'up', lossPercent: 0 });

  // Bravo leaves the table of alpha: its VXLAN frames are a stranger's now, as if they did not arrive.
  await one.node.overlay.setPeers([]);
  t.equal(one.node.overlay.peerAt(1), undefined);
  pass(8000);
  t.match(one.monitor.reading('bravo'), { state: 'down', words: /does not answer/ });
  t.ok(one.node.counter('rx_unknown_sender') >= 4);
  await one.node.overlay.setPeers([BRAVO]);
  pass(2500);
  t.match(one.monitor.reading('bravo'), { state: 'up' });
  t.match(other.monitor.reading('alpha'), { state: 'up' });
});
