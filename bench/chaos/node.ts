/** A podwire node through all its lives: started, stopped, killed, frozen; its counters are the sums of all lives. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { ApiClient } from '../../src/api/client.js';
import { addReadings, COUNTER_NAMES, type CounterName } from '../../src/core/counters.js';
import type { Lab } from '../../src/lab/lab.js';
import type { LabHost } from '../../src/lab/plan.js';
import { gossipConfig, type RunningPodwire } from '../../src/lab/podwire.js';
import { Collector } from '../collector.js';
import { heapKiB, rssKiB } from '../process-memory.js';
import { added, type Drops, kernelDrops } from './kernel.js';

export type Counts = Readonly<Record<CounterName, number>>;

export interface MemorySample {
  /** Since the life began. */
  readonly seconds: number;
  /** Taken right after a full collection of the heap: no garbage is in it. */
  readonly collected: boolean;
  readonly rssKiB: number;
  /** In use in the main thread's JavaScript heap. */
  readonly heapKiB: number;
  readonly files: number;
}

export interface Life {
  readonly node: string;
  readonly number: number;
  readonly readyMs: number;
  readonly samples: MemorySample[];
}

/** A machine that does much else starts Node slowly, ms. */
const START = 60_000;
const NONE = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Counts;
export const DEVICE = 'podwire0';

export class ChaosNode {
  readonly host: LabHost;
  readonly lives: Life[] = [];
  /** Times that counters were read of a node in full work, because it was about to end. */
  cuts = 0;
  readonly #lab: Lab;
  #running: RunningPodwire | undefined;
  #collector: Collector | undefined;
  #began = 0;
  /** Of the lives before. */
  #past = NONE;
  /** Of their devices, which are gone. */
  #pastDrops: Drops = {};
  #latest = NONE;
  #latestDrops: Drops = {};

  constructor(lab: Lab, host: LabHost) {
    this.#lab = lab;
    this.host = host;
  }

  get running(): RunningPodwire | undefined {
    return this.#running;
  }

  async start(): Promise<void> {
    const config = { ...gossipConfig(this.#lab, this.host), podCidr: this.host.podCidr };
    this.#running = await this.#lab.startPodwire(this.host, { config, timeoutMs: START });
    this.#collector = new Collector(this.#lab, this.#running);
    this.#began = performance.now();
    this.lives.push({
      node: this.host.name,
      number: this.lives.length + 1,
      readyMs: Math.round(this.#running.readyMs),
      samples: [],
    });
  }

  /** With SIGTERM, or as if the machine had taken it away. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const running = this.#running;
    if (!running) return;
    await this.counts();
    this.#running = undefined;
    this.#collector = undefined;
    this.cuts++;
    if (signal === 'SIGTERM') await running.stop();
    else {
      const ended = once(running.process, 'close');
      running.process.kill('SIGKILL');
      await ended;
    }
    this.#past = addReadings(this.#past, this.#latest);
    this.#latest = NONE;
    this.#pastDrops = addUp(this.#pastDrops, this.#latestDrops);
    this.#latestDrops = {};
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running?.process.kill(signal);
  }

  /** Did it end by itself? */
  get isLost(): boolean {
    const process = this.#running?.process;
    return process !== undefined && (process.exitCode !== null || process.signalCode !== null);
  }

  /** Of all lives together. */
  async counts(): Promise<Counts> {
    if (this.#running && !this.isLost) {
      const counts = await new ApiClient(this.#running.socket).counters();
      this.#latest = counts;
      this.#latestDrops = ownDevice(kernelDrops(this.#running.process.pid));
    }
    return addReadings(this.#past, this.#latest);
  }

  /** What the overlay's devices of all lives dropped, as of the last `counts`. */
  get deviceDrops(): Drops {
    return addUp(this.#pastDrops, this.#latestDrops);
  }

  /** Samples what is left of its memory when its garbage has been taken away. */
  async sampleCollected(): Promise<void> {
    if (await this.#collector?.collect()) await this.sample(true);
  }

  async sample(collected = false): Promise<void> {
    const running = this.#running;
    const life = this.lives.at(-1);
    if (!running || !life || this.isLost) return;
    try {
      const { pid } = running.process;
      const metrics = await new ApiClient(running.socket).metrics();
      life.samples.push({
        seconds: Math.round((performance.now() - this.#began) / 1000),
        collected,
        rssKiB: rssKiB(pid),
        heapKiB: heapKiB(metrics),
        files: readdirSync(`/proc/${pid}/fd`).length,
      });
    } catch {
      // It ended, or is frozen: the next sample tells.
    }
  }

  /** What it says of itself, for a report on what went wrong. */
  async evidence(): Promise<object> {
    const running = this.#running;
    if (!running) return { node: this.host.name, running: false };
    const client = new ApiClient(running.socket);
    const since = new Date(Date.now() - 90_000).toISOString();
    try {
      const [counters, events, members, peers] = await Promise.all([
        client.counters(),
        client.events(),
        client.members(),
        client.peers(),
      ]);
      const recent = events.filter(({ at }) => at > since);
      return { node: this.host.name, counters: nonzero(counters), events: recent, members, peers };
    } catch (error) {
      return { node: this.host.name, error: (error as Error).message, log: running.log().slice(-4_000) };
    }
  }
}

function ownDevice(drops: Drops): Drops {
  return Object.fromEntries(Object.entries(drops).filter(([name]) => name.startsWith(`dev ${DEVICE} `)));
}

function addUp(one: Drops, other: Drops): Drops {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}

function nonzero(drops: Drops): Drops {
  return added(drops, {});
}
