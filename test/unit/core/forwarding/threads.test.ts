/** Real threads: two readers look up without a pause while the main thread moves all prefixes together, again and again. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { ForwardingChange } from '../../../../src/core/forwarding/change.js';
import { PREFIX_BYTES } from '../../../../src/core/forwarding/change.js';
import { ForwardingTable } from '../../../../src/core/forwarding/forwarding-table.js';
import type { Findings, Task } from './reader-worker.js';
import { APPLIED, PEERS, STARTED, STOP, SUBNETS, TURNS } from './reader-worker.js';

const GENERATIONS = 600;

/** Generation g: a record stamped with it, and all prefixes on it; then the former peer goes, being nobody's. */
function generation(g: number): ForwardingChange[] {
  const peer = 1 + (g % PEERS);
  const former = 1 + ((g - 1) % PEERS);
  const prefix = new Uint8Array(PREFIX_BYTES).fill(g + 1);
  const underlay = { family: 4, words: [0, 0, 0xffff, 0x0a650001] } as const;
  return [
    { kind: 'setPeer', peer, record: { underlay, port: g + 1, prefix, ecn: false, overlay: [] } },
    ...Array.from({ length: SUBNETS }, (_, subnet): ForwardingChange => {
      const words = [0, 0, 0xffff, 0x0a000000 + 256 * subnet] as const;
      return { kind: 'setPrefix', prefix: { family: 4, words, length: 24 }, peer, underlay: false };
    }),
    ...(g === 0 ? [] : [{ kind: 'removePeer', peer: former } as const]),
  ];
}

t.test('no turn ever sees a mixture, a gap or a former state', async (t) => {
  const readers = 2;
  const table = ForwardingTable.create({ readers });
  const board = new SharedArrayBuffer(4 * (TURNS + readers));
  const shared = new Int32Array(board);
  await table.apply(generation(0));
  const workers = Array.from({ length: readers }, (_, reader) => {
    const task: Task = { memory: table.memory, board, reader, restful: reader === 1 };
    return new Worker(new URL('./reader-worker.js', import.meta.url), { workerData: task });
  });
  const findings = workers.map((worker) => once(worker, 'message') as Promise<[Findings]>);
  t.teardown(() => Promise.all(workers.map((worker) => worker.terminate())));

  const running = (reader: number, turns: number) => Atomics.load(shared, TURNS + reader) >= turns;
  while (!running(0, 10) || !running(1, 10)) await new Promise(setImmediate);
  for (let g = 1; g <= GENERATIONS; g++) {
    Atomics.store(shared, STARTED, g);
    await table.apply(generation(g));
    Atomics.store(shared, APPLIED, g);
  }
  Atomics.store(shared, STOP, 1);

  for (const [reader, found] of findings.entries()) {
    const [{ turns, generations, missing, mixed, stale }] = await found;
    t.strictSame({ missing, mixed, stale }, { missing: 0, mixed: 0, stale: 0 }, `reader ${reader}: ${turns} turns`);
    t.ok(generations > 20, `reader ${reader} was there while it happened: ${generations} generations seen`);
  }
});
