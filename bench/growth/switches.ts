/** What a change of the table costs while a worker carries packets: time, and how long the main thread is held at once. */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { C, CounterTable } from '../../src/core/counters.js';
import { macFromName } from '../../src/core/mac.js';
import { Overlay } from '../../src/dataplane/overlay.js';
import type { Peer } from '../../src/dataplane/peers.js';
import { V4_MAPPED } from '../../src/wire/address.js';
import { Population, prefixes, SIZES, type Size, underlayWord } from './population.js';

export interface Switch {
  readonly table: string;
  /** Pod prefixes that change their owner at once. */
  readonly prefixes: number;
  readonly ms: number;
  /** The longest time between two turns of the event loop, ms; that a busy machine took the thread away is in it. */
  readonly longestSliceMs: number;
  /** Packets a second that the worker carried before, and meanwhile. */
  readonly before: number;
  readonly meanwhile: number;
}

export interface Memory {
  readonly table: string;
  /** Prefixes in all, underlay addresses and our own among them. */
  readonly prefixes: number;
  readonly reservedBytes: number;
  /** In pages that hold anything. */
  readonly touchedBytes: number;
}

/** Peers of a list handed to `Overlay.setPeers`. */
export interface PeerChange {
  readonly what: string;
  readonly ms: number;
  /** Longest time in which the event loop did not turn, ms. */
  readonly longestMs: number;
}

const PAGE = 4096;
/** How long packets are counted before, ms. */
const BEFORE = 500;

export async function measureSwitch(size: Size): Promise<Switch> {
  let begun = 0;
  let longest = 0;
  const population = await Population.of(size, (resume, delayMs) => {
    longest = Math.max(longest, performance.now() - begun);
    const go = () => {
      begun = performance.now();
      resume();
    };
    if (delayMs === 0) setImmediate(go);
    else setTimeout(go, delayMs);
  });
  const { shared } = population;
  const worker = new Worker(new URL('./switch-worker.js', import.meta.url), { workerData: { shared, size } });
  await once(worker, 'message');
  const row = new CounterTable(1, shared.maxPeers, shared.counters).row(0);
  await delay(BEFORE);
  const before = await rate(row, () => delay(BEFORE));
  const changes = prefixes(size, 1);
  longest = 0;
  begun = performance.now();
  const started = performance.now();
  const meanwhile = await rate(row, () => population.table.apply(changes));
  const ms = performance.now() - started;
  await worker.terminate();
  const lost = row[C.tx_no_peer];
  if (lost > 0) throw new Error(`${lost} packets found no peer`);
  return { table: size.name, prefixes: changes.length, ms, longestSliceMs: longest, before, meanwhile };
}

async function rate(row: Float64Array, during: () => Promise<unknown>): Promise<number> {
  const [packets, started] = [row[C.tx_packets], performance.now()];
  await during();
  return ((row[C.tx_packets] - packets) / (performance.now() - started)) * 1000;
}

export async function measureMemory(): Promise<Memory[]> {
  const found: Memory[] = [];
  for (const size of SIZES) {
    const { table } = await Population.of(size);
    const words = new Int32Array(table.memory);
    let pages = 0;
    for (let at = 0; at < words.length; at += PAGE / 4) {
      if (words.subarray(at, at + PAGE / 4).some((word) => word !== 0)) pages++;
    }
    const { prefixes: count } = table.size;
    found.push({
      table: size.name,
      prefixes: count,
      reservedBytes: table.memory.byteLength,
      touchedBytes: pages * PAGE,
    });
  }
  return found;
}

/** A list of 10,000 peers: all new, one changed, all gone. */
export async function measurePeers(): Promise<PeerChange[]> {
  const peers = Array.from({ length: 10_000 }, (_, i) => peer(i + 1));
  const [first, ...others] = peers;
  const overlay = await Overlay.create({
    self: peer(0),
    vxlan: { vni: 1, port: 8472 },
    mtu: 1450,
    workers: 1,
    // As in a node, where gossip and the configuration have refused them.
    peersChecked: true,
  });
  const changed = { ...first, mac: macFromName('another') };
  return [
    await change('10,000 peers come at once', () => overlay.setPeers(peers)),
    await change('one of 10,000 changes', () => overlay.setPeers([changed, ...others])),
    await change('10,000 peers go at once', () => overlay.setPeers([])),
  ];
}

async function change(what: string, act: () => Promise<unknown>): Promise<PeerChange> {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  await delay(20);
  loop.reset();
  // The first turn after this is where it begins to count from.
  await delay(5);
  const started = performance.now();
  await act();
  const ms = performance.now() - started;
  await delay(5);
  loop.disable();
  return { what, ms, longestMs: loop.max / 1e6 };
}

function peer(index: number): Peer {
  return {
    node: `node-${index}`,
    underlay: { family: 4, words: [0, 0, V4_MAPPED, underlayWord(index)] },
    podCidr: [
      { family: 4, words: [0, 0, V4_MAPPED, 0x0a00_0000 + (index << 8)], length: 24 },
      { family: 6, words: [0xfd00_0244 | 0, index, 0, 0], length: 64 },
    ],
    mac: macFromName(`node-${index}`),
  };
}
