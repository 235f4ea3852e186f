import t from 'tap';
import { ADDRESS, Batch, PORT } from '../../../src/bytes/batch.js';
import { type Faults, type FaultTools, FaultyUnderlay } from '../../../src/dataplane/faults.js';
import { MemoryNetwork } from '../../../src/dataplane/memory-network.js';
import { address, checksumsOk, pattern, udpPacket } from './packets.js';
import { ALPHA, BRAVO, makeNode, settle } from './two-nodes.js';

/** Sends `count` numbered packets from alpha to bravo through faults at bravo's end. */
async function run(faults: Faults, count: number) {
  let now = 0;
  const due: number[] = [];
  const network = new MemoryNetwork();
  const box: { edge?: FaultyUnderlay } = {};
  const alpha = await makeNode(network, ALPHA, [BRAVO]);
  const bravo = await makeNode(network, BRAVO, [ALPHA], {
    wrap: (underlay) => {
      box.edge = new FaultyUnderlay(underlay, faults, { now: () => now, schedule: (_, ms) => due.push(now + ms) });
      return box.edge;
    },
  });
  const arrived: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    alpha.device.inject(udpPacket({ from: '10.244.1.1', to: '10.244.2.1', toPort: 1000 + i }, pattern(64, i)));
    settle(alpha, bravo);
    arrived.push(...bravo.taken());
  }
  for (const time of due.sort((a, b) => a - b)) {
    now = time;
    settle(bravo);
    arrived.push(...bravo.taken());
  }
  if (!box.edge) throw new Error('no edge');
  return {
    order: arrived.map((packet) => packet.readUInt16BE(22) - 1000),
    arrived,
    counts: box.edge.counts,
    alpha,
    bravo,
  };
}

const sorted = (numbers: number[]) => [...numbers].sort((a, b) => a - b);

t.test('without faults all pass, in order', async (t) => {
  const { order, counts } = await run({ seed: 1 }, 200);
  t.same(
    order,
    Array.from({ length: 200 }, (_, i) => i),
  );
  t.same(counts, { passed: 200, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 });
});

t.test('loss: what did not arrive was counted as lost', async (t) => {
  const { order, counts } = await run({ seed: 2, loss: 0.3 }, 1000);
  t.equal(order.length, 1000 - counts.lost);
  t.ok(counts.lost > 200 && counts.lost < 400, `${counts.lost} of 1000`);
  t.same(order, sorted(order));
});

t.test('duplication and reordering: everything arrives, some of it twice or late', async (t) => {
  const { order, counts } = await run({ seed: 3, duplicate: 0.2, reorder: 0.2 }, 1000);
  t.ok(counts.duplicated > 100 && counts.reordered > 100);
  t.not(String(order), String(sorted(order)));
  const missing = Array.from({ length: 1000 }, (_, i) => i).filter((i) => !order.includes(i));
  t.ok(missing.length <= 1, 'but one that may still wait for a successor');
});

t.test('damage: never thrown; whatever is delivered came from the peer, and a damaged payload shows', async (t) => {
  const { arrived, counts, bravo } = await run({ seed: 4, corrupt: 1 }, 2000);
  t.equal(counts.corrupted, 2000);
  t.equal(bravo.counter('rx_datagrams'), 2000);
  const unnoticed = arrived.filter(checksumsOk);
  t.ok(unnoticed.length < 2000 * (14 / 114), 'only damage that no checksum covers, such as to the source MAC, passes');
});

t.test('delay and jitter: late by the clock, overtaking each other, none lost', async (t) => {
  const { order, counts } = await run({ seed: 5, delay: 20, jitter: 30 }, 300);
  t.equal(counts.passed, 300);
  t.same(
    sorted(order),
    Array.from({ length: 300 }, (_, i) => i),
  );
  t.not(String(order), String(sorted(order)));
});

t.test('a seed replays', async (t) => {
  const faults = { seed: 6, loss: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1, delay: 1, jitter: 5 };
  const [one, other] = [await run(faults, 500), await run(faults, 500)];
  t.same(one.arrived, other.arrived);
  t.same(one.counts, other.counts);
  const third = await run({ ...faults, seed: 7 }, 500);
  t.not(String(third.order), String(one.order));
});

/** An edge alone, with datagrams before it, and who reads it whenever it calls. */
function delayed(faults: Omit<Faults, 'seed'>, count: number, tools?: FaultTools) {
  const network = new MemoryNetwork();
  const sender = network.attach('192.0.2.1');
  const edge = new FaultyUnderlay(network.attach('192.0.2.2'), { seed: 8, ...faults }, tools);
  const batch = Batch.allocate(1 << 16, 64);
  for (let i = 0; i < count; i++) {
    const row = batch.append(0, 100);
    batch.records.set(address('192.0.2.2').words, row + ADDRESS);
    batch.records[row + PORT] = 8472;
  }
  sender.send(batch);
  const come = { arrived: 0, whole: () => {} };
  const read = () => {
    batch.clear();
    come.arrived += edge.receive(batch);
    if (come.arrived === count) come.whole();
  };
  edge.onReadable(read);
  return { edge, come, read };
}

t.test('a timer that cuts fractions off, or is early, leaves nothing behind', async (t) => {
  for (const early of [0, 0.5]) {
    let now = 0;
    const timers: { at: number; callback: () => void }[] = [];
    const schedule = (callback: () => void, ms: number) => {
      timers.push({ at: now + Math.max(1, Math.trunc(ms)) - early, callback });
    };
    const { come, read } = delayed({ delay: 4.7, jitter: 9.1 }, 50, { now: () => now, schedule });
    read();
    while (timers.length > 0) {
      timers.sort((a, b) => a.at - b.at);
      const next = timers.shift();
      now = Math.max(now, next?.at ?? 0);
      next?.callback();
    }
    t.equal(come.arrived, 50, `${early} ms early`);
  }
});

t.test('without tools it has a clock and timers of its own', async (t) => {
  const { edge, come, read } = delayed({ delay: 1.7, jitter: 2.3 }, 50);
  const whole = new Promise<void>((resolve) => {
    come.whole = resolve;
  });
  read();
  await whole;
  t.equal(edge.counts.passed, 50);
});

t.test('closed, it holds no process up', (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const { edge, read } = delayed({ delay: 60_000, jitter: 1000 }, 50);
  read();
  t.equal(timers(), before + 1);
  edge.close();
  t.equal(timers(), before);
  t.end();
});
