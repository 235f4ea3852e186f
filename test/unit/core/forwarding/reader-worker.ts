/**
 * A worker thread that looks everything up, turn after turn, and counts what must not be. The prefixes and the peer's
 * record all belong to one generation, which the record's port tells; the main thread says which generation
 * was surely there before a turn, and which could be there after it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { NOBODY, PREFIX_BYTES } from '../../../../src/core/forwarding/change.js';
import { ForwardingReader } from '../../../../src/core/forwarding/forwarding-reader.js';

/** Words of the shared board. */
export const STARTED = 0;
export const APPLIED = 1;
export const STOP = 2;
/** Turns that each reader has made, so that the main thread can see that they run. */
export const TURNS = 3;

export const PEERS = 100;
export const SUBNETS = 32;

export interface Task {
  readonly memory: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
  readonly reader: number;
  /** Rest after every turn, and not only at the end. */
  readonly restful: boolean;
}

export interface Findings {
  readonly turns: number;
  readonly generations: number;
  readonly missing: number;
  readonly mixed: number;
  readonly stale: number;
}

/** Address word of a subnet's host. */
export function hostOf(subnet: number): number {
  return 0x0a000000 + 256 * subnet + 5;
}

function watch({ memory, board, reader: index, restful }: Task): Findings {
  const shared = new Int32Array(board);
  const reader = new ForwardingReader(memory, index);
  const bytes = Buffer.alloc(PREFIX_BYTES);
  let [turns, generations, missing, mixed, stale, last] = [0, 0, 0, 0, 0, -1];
  while (Atomics.load(shared, STOP) === 0) {
    const oldest = Atomics.load(shared, APPLIED);
    reader.begin();
    const first = reader.owner(0, 0, 0xffff, hostOf(0));
    for (let subnet = 0; subnet < SUBNETS; subnet++) {
      const owner = reader.owner(0, 0, 0xffff, hostOf(subnet));
      if (owner === NOBODY) missing++;
      else if (owner !== first) mixed++;
    }
    // The same turn, a second time: still the same, down to the record's bytes.
    if (reader.owner(0, 0, 0xffff, hostOf(SUBNETS - 1)) !== first) mixed++;
    const stamp = reader.port(first);
    reader.copyPrefix(first, bytes, 0);
    for (let i = 0; i < PREFIX_BYTES; i++) if (bytes[i] !== (stamp & 255)) mixed++;
    if (restful) reader.rest();
    const newest = Atomics.load(shared, STARTED);
    const generation = stamp - 1;
    if (generation < oldest || generation > newest) stale++;
    if (generation !== last) generations++;
    last = generation;
    turns++;
    Atomics.store(shared, TURNS + index, turns);
  }
  reader.rest();
  return { turns, generations, missing, mixed, stale };
}

parentPort?.postMessage(watch(workerData as Task));
