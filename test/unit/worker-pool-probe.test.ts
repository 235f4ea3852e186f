/** A real worker thread on loopback: path probes that it hands to the main thread. */
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Overlay } from '../../src/dataplane/overlay.js';
import { ProbeSocket } from '../../src/os/probe-socket.js';
import { openUdpSockets } from '../../src/os/udp.js';
import { encodePathProbe, pathProbeId } from '../../src/wire/path-probe.js';
import { encapsulationPrefix } from '../../src/wire/vxlan.js';
import { WorkerPool } from '../../src/worker-pool.js';
import { peer } from './dataplane/two-nodes.js';
import { anySystemCalls } from './os/both-system-calls.js';

const { system, skip } = anySystemCalls();
const OFFLOAD = { udpSegment: true, udpGro: true };

t.test('a path probe from a peer comes out at the pool, with its index', { skip }, async (t) => {
  if (!system) return;
  const alpha = peer('alpha', '127.0.0.1', '10.244.1.0/24');
  const bravo = peer('bravo', '127.0.0.2', '10.244.2.0/24');
  const overlay = await Overlay.create({ self: alpha, vxlan: { vni: 1, port: 8472 }, mtu: 1450, workers: 1 });
  await overlay.setPeers([bravo]);
  const sockets = openUdpSockets(system, {
    underlay: alpha.underlay,
    port: 0,
    sourcePorts: 1,
    random: Math.random,
    offload: OFFLOAD,
  });
  // An eventfd that nobody rings: a device without packets.
  const queue = system.wakerOpen();
  const events = new EventEmitter();
  const arrival = once(events, 'probe');
  const pool = await WorkerPool.start({
    system,
    shared: overlay.shared,
    queues: [queue],
    capabilities: { checksum: false, tcpSegmentation: false, udpSegmentation: false },
    sockets: [[sockets]],
    onLost: (error) => t.fail(error.message),
    onProbe: (index, bytes, family) => events.emit('probe', index, bytes, family),
  });
  const sender = new ProbeSocket(system, bravo.underlay, Math.random);
  const probe = { kind: 'request', sequence: 1, sender: pathProbeId('bravo'), target: pathProbeId('alpha') } as const;
  const prefix = encapsulationPrefix(1, alpha.mac, bravo.mac);
  const frame = encodePathProbe({ ...probe, timestamp: 0n }, prefix, Buffer.alloc(32));
  t.equal(sender.send(frame, alpha.underlay, system.udpPort(sockets.receive)), 0);
  const [index, bytes, family] = await arrival;
  t.equal(family, 4);
  t.equal(overlay.peerAt(index)?.node, 'bravo');
  t.same(bytes, Uint8Array.from(frame.subarray(8)));

  // Long enough that the worker has begun to warm its code up: that is in nobody's counters.
  await delay(500);
  const counted = Object.entries(overlay.counters.total()).filter(([, value]) => value !== 0);
  t.same(counted, [
    ['rx_datagrams', 1],
    ['rx_probes', 1],
  ]);
  t.same(
    [...overlay.peers()].map(({ counters }) => counters),
    [{ txFrames: 0, txBytes: 0, rxFrames: 0, rxBytes: 0 }],
  );

  sender.close();
  await pool.stop();
  for (const fd of [queue, sockets.receive, ...sockets.egress]) system.close(fd);
});
