/**
 * Workers of the real binary allocate nothing per packet: V8 tells of each collection, and with so little room for young
 * objects there is one for each MiB.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ApiClient } from '../../src/api/client.js';
import { Lab } from '../../src/lab/lab.js';
import { receiveFlood, sendFlood } from './flood.js';
import { koffiSkip, labSkip } from './lab.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const FLAGS = '--trace-gc --min-semi-space-size=1 --max-semi-space-size=1';
const MIB = 2 ** 20;
/** Bytes; the smallest object has twice as many. */
const BOUND = 8;
/** So many that two collections are below the bound, for what code allocates that is compiled late. */
const PACKETS = 300_000;
const WINDOWS = 3;
const WARM_UP = { count: 200_000, bytes: 64, pauseMs: 0 };
const FLOOD = { count: 100_000, bytes: 64, pauseMs: 0 };

for (const native of ['on', 'off'] as const) {
  const skip = labSkip() || (native === 'off' && koffiSkip());
  t.test(`native ${native}: a flood of datagrams is carried without garbage`, { skip }, async (t) => {
    const lab = await Lab.create({ name: `garbage${native}`, hosts: 2 });
    t.teardown(() => lab.destroy());
    const log = (host: { name: string }) => join(lab.directory, `${host.name}.collections`);
    const nodes = await Promise.all(
      lab.hosts.map((host) =>
        lab.startPodwire(host, {
          env: { PODWIRE_NATIVE: native },
          config: { workers: 2 },
          command: ['sh', '-c', `exec ${process.execPath} ${FLAGS} ${CLI} "$@" >${log(host)}`, 'sh'],
        }),
      ),
    );
    const [from, to] = lab.hosts.map(({ pods: [pod] }) => pod);
    const [address] = to.addresses;
    const receiver = await receiveFlood(lab, to, address);
    // Each of these is a flow of its own.
    for (let i = 0; i < 2; i++) await sendFlood(lab, from, address, WARM_UP);

    const api = new ApiClient(nodes[1].socket);
    // Code that is compiled late allocates once: what allocates per packet does so in each of the windows.
    let seen: string[] = [];
    for (let window = 0; window < WINDOWS; window++) {
      const before = (await api.counters()).rx_frames;
      const first = lab.hosts.map((host) => collections(readFileSync(log(host), 'utf8')));
      let packets = 0;
      while (packets < PACKETS) {
        await sendFlood(lab, from, address, FLOOD);
        packets = (await api.counters()).rx_frames - before;
      }
      seen = lab.hosts.flatMap((host, i) => {
        const { main, workers } = collections(readFileSync(log(host), 'utf8'));
        t.ok(main > 0, 'V8 told of collections');
        const grown = workers - first[i].workers;
        t.comment(`${host.name}: ${grown} collections in its workers for ${packets} packets`);
        return (grown * MIB) / packets < BOUND ? [] : [`${host.name}: ${grown} collections for ${packets} packets`];
      });
      if (seen.length === 0) break;
    }
    t.same(seen, [], 'workers leave no garbage');
    await receiver.end();
  });
}

/** How many there were, in the main thread, which tells of the first, and in all others. */
function collections(text: string): { main: number; workers: number } {
  const heaps = [...text.matchAll(/^\[\d+:(0x[\da-f]+)\]/gm)].map(([, heap]) => heap);
  const main = heaps.filter((heap) => heap === heaps[0]).length;
  return { main, workers: heaps.length - main };
}
