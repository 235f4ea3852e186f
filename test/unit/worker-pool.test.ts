/** Threads that end where they should not: nothing waits for them. */
import t from 'tap';
import { macFromName } from '../../src/core/mac.js';
import { Overlay } from '../../src/dataplane/overlay.js';
import type { Peer } from '../../src/dataplane/peers.js';
import type { SystemCalls } from '../../src/os/system-calls.js';
import { parseAddress, parsePrefix } from '../../src/wire/address.js';
import type { PodwireError } from '../../src/wire/error.js';
import { WorkerPool } from '../../src/worker-pool.js';

/** The threads of these tests open nothing. */
const system = { wakerOpen: () => -1, wakerRing: () => {}, close: () => {} } as unknown as SystemCalls;

function node(name: string, number: number): Peer {
  const underlay = parseAddress(`192.0.2.${number}`);
  const podCidr = parsePrefix(`10.244.${number}.0/24`);
  if (!underlay || typeof podCidr === 'string') throw new Error('an address');
  return { node: name, underlay, podCidr: [podCidr], mac: macFromName(name) };
}

async function open(workers: number, onLost: (error: PodwireError) => void, program = './stuck-worker.js') {
  const [self, bravo, charlie] = ['alpha', 'bravo', 'charlie'].map((name, index) => node(name, index + 1));
  const overlay = await Overlay.create({ self, vxlan: { vni: 1, port: 8472 }, mtu: 1450, workers, maxPeers: 8 });
  const pool = await WorkerPool.start({
    system,
    shared: overlay.shared,
    queues: Array.from({ length: workers }, () => -1),
    capabilities: { checksum: false, tcpSegmentation: false, udpSegmentation: false },
    sockets: Array.from({ length: workers }, () => []),
    onLost,
    program: new URL(program, import.meta.url),
  });
  return { overlay, pool, bravo, charlie };
}

t.test('a worker that dies inside a turn holds up no change', async (t) => {
  const losses: PodwireError[] = [];
  const { overlay, pool, bravo } = await open(1, (error) => losses.push(error));
  let changed = false;
  const change = overlay.setPeers([bravo]).then(() => {
    changed = true;
  });
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  t.equal(changed, false, 'it waits for the turn to end');
  const bell = new Int32Array(overlay.shared.counters);
  Atomics.store(bell, 0, 1);
  Atomics.notify(bell, 0);
  await change;
  await pool.stop();
  t.strictSame(
    losses.map(({ code, message }) => ({ code, message })),
    [{ code: 'EDGE_LOST', message: 'worker 0: it ended' }],
    'told once',
  );
});

t.test('a worker that hangs inside a turn is ended by stop, and then holds up no change', async (t) => {
  const losses: PodwireError[] = [];
  const { overlay, pool, bravo, charlie } = await open(2, (error) => losses.push(error));
  const change = overlay.setPeers([bravo, charlie]);
  await pool.stop();
  t.match(await change, { added: ['bravo', 'charlie'] });
  t.match(await overlay.setPeers([]), { removed: ['bravo', 'charlie'] });
  t.strictSame(losses, [], 'it was our own doing');
});

t.test('a worker that does not come to its first turn refuses the start', async (t) => {
  const losses: PodwireError[] = [];
  await t.rejects(
    open(1, (error) => losses.push(error), './no-such-worker.js'),
    { code: 'EDGE_LOST' },
  );
  t.strictSame(losses, []);
});
