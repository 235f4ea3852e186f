/** A run: nodes, traffic and faults in a lab, round after round; each ends in a quiet moment in which all is counted. */
import { setTimeout as delay } from 'node:timers/promises';
import { machine } from '../../src/bench/statistics.js';
import { Lab } from '../../src/lab/lab.js';
import type { Place } from '../../src/lab/plan.js';
import { PodwireError } from '../../src/wire/error.js';
import { Faults } from './faults.js';
import { nameOf } from './flows.js';
import { balance } from './ledger.js';
import { judgeLife } from './memory.js';
import { ChaosNode, DEVICE } from './node.js';
import { failures, type Outcome, type RoundOutcome } from './outcome.js';
import { framesSeen, type Reading, read } from './readings.js';
import { type Progress, progress } from './recovery.js';
import { hostRules, routerRules } from './rules.js';
import { describe, isBearable, only, type Round, schedule } from './schedule.js';
import { Traffic } from './traffic.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Also narrow links whose ICMP errors are swallowed. */
  readonly swallow: boolean;
  /** Is told each line of progress. */
  readonly say: (line: string) => void;
  /** Of the seed's faults only those kinds; all if not given. */
  readonly kinds?: ReadonlySet<string>;
  /** The faults; those of the seed if not given. */
  readonly rounds?: Iterable<Round>;
}

const HOSTS = 4;
/** Between samples of memory, ms. */
const SAMPLE = 10_000;
/** Undisturbed traffic after a recovery, ms. */
const CALM = 2_000;
/** When traffic pauses, what is on its way has arrived when the router hardly sees frames any more; ms, and frames. */
const DRAIN = 500;
const DRAIN_MOST = 8_000;
const STILL = 25;
/** All flows must run at first within so long, ms. */
const FIRST = 30_000;

/** @throws PodwireError MACHINE if the lab cannot be made, or its flows do not run at first */
export async function chaos(options: ChaosOptions): Promise<Outcome> {
  const lab = await Lab.create({ name: 'chaos', hosts: HOSTS, laboratory: 'cable' });
  try {
    const run = new Run(lab, options);
    await run.begin();
    return await run.all();
  } finally {
    await lab.destroy();
  }
}

class Run {
  readonly #lab: Lab;
  readonly #options: ChaosOptions;
  readonly #nodes: readonly ChaosNode[];
  readonly #faults: Faults;
  /** A process in the router and in each host that lives as long as the lab: the kernel's files are read through it. */
  readonly #anchors = new Map<Place, number>();
  readonly #rounds: RoundOutcome[] = [];
  #traffic: Traffic | undefined;
  #started = 0;
  /** Why the run came to no good end. */
  #broke: string | undefined;

  constructor(lab: Lab, options: ChaosOptions) {
    this.#lab = lab;
    this.#options = options;
    this.#nodes = lab.hosts.map((host) => new ChaosNode(lab, host));
    this.#faults = new Faults(lab, this.#nodes);
  }

  async begin(): Promise<void> {
    const lab = this.#lab;
    for (const place of [lab.router, ...lab.hosts]) {
      const { pid } = lab.spawn(place, ['sleep', 'infinity'], { stdio: 'ignore' });
      if (pid !== undefined) this.#anchors.set(place, pid);
      await this.#nft(place, place === lab.router ? routerRules(lab.hosts) : hostRules(DEVICE));
    }
    await this.#faults.prepare();
    await Promise.all(this.#nodes.map((node) => node.start()));
    const traffic = await Traffic.start(lab);
    this.#traffic = traffic;
    await traffic.resume();
    const { stuck } = await progress(traffic, FIRST);
    if (stuck.length > 0) throw new PodwireError('MACHINE', `no traffic at first: ${stuck.map(nameOf).join('; ')}`);
    this.#started = performance.now();
  }

  async all(): Promise<Outcome> {
    const { seed, minutes, swallow, kinds, say } = this.#options;
    const hosts = this.#lab.hosts.map(({ name }) => name);
    const all = this.#options.rounds ?? schedule({ seed, hosts, swallow });
    const rounds = kinds ? only(kinds, all) : all;
    const sampling = setInterval(() => void this.#sample(), SAMPLE);
    try {
      let before = await this.#quiet();
      for (const round of rounds) {
        if (this.#seconds() + (round.lastsMs + CALM) / 1000 > minutes * 60) break;
        before = await this.#round(round, before);
        const last = this.#rounds.at(-1);
        if (last) say(lineOf(last));
      }
    } catch (error) {
      // What was found until then is not lost for it.
      this.#broke = `ended after ${Math.round(this.#seconds())} s: ${(error as Error).message}`;
      say(this.#broke);
    } finally {
      clearInterval(sampling);
    }
    return this.#outcome(await this.#traffic_().report());
  }

  async #round(round: Round, before: Reading): Promise<Reading> {
    const traffic = this.#traffic_();
    const { fault } = round;
    const seconds = Math.round(this.#seconds());
    let during: Progress | undefined;
    const began = performance.now();
    await this.#faults.run(round, async (lastsMs) => {
      const wait = delay(lastsMs);
      if (isBearable(fault)) during = await progress(traffic, lastsMs);
      await wait;
    });
    const outageMs = performance.now() - began;
    const after = await progress(traffic, round.recoveryMs, outageMs);
    const evidence = after.stuck.length > 0 || (during?.stuck.length ?? 0) > 0 ? await this.#evidence() : undefined;
    await delay(CALM);
    const now = await this.#quiet();
    const sums = balance(traffic.flows, before, now);
    const readings = evidence || sums.unaccounted.length > 0 ? [...(evidence ?? []), { before, now }] : undefined;
    this.#rounds.push({
      round,
      seconds,
      outageMs: Math.round(outageMs),
      ...(during && { during: named(during) }),
      after: named(after),
      lostNodes: this.#nodes.filter(({ isLost }) => isLost).map(({ host }) => host.name),
      balance: sums,
      ...(readings && { evidence: readings }),
    });
    // One that fell must not fail all that comes after it.
    for (const node of this.#nodes) if (node.isLost) await node.end('SIGKILL').then(() => node.start());
    return now;
  }

  /** Lets traffic rest, counts all, and lets it go on. */
  async #quiet(): Promise<Reading> {
    const traffic = this.#traffic_();
    await traffic.pause();
    const deadline = performance.now() + DRAIN_MOST;
    for (let seen = 0, before = Number.NEGATIVE_INFINITY; seen - before > STILL && performance.now() < deadline; ) {
      await delay(DRAIN);
      before = seen;
      seen = await framesSeen(this.#lab);
    }
    const reading = await read(this.#lab, this.#nodes, traffic, this.#anchors, await this.#faults.queueDrops());
    // While the main threads have nothing else to do.
    await Promise.all(this.#nodes.map((node) => node.sampleCollected()));
    await traffic.resume();
    return reading;
  }

  async #sample(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.sample()));
  }

  /** What nodes say of themselves, and what kernels know of the pods' connections: what they wait for, and how long. */
  #evidence(): Promise<object[]> {
    const pods = this.#lab.hosts.flatMap((host) => host.pods);
    return Promise.all([
      ...this.#nodes.map((node) => node.evidence()),
      ...pods.map(async (pod) => {
        const { stdout } = await this.#lab.exec(pod, ['ss', '-tinoH']);
        return { pod: pod.namespace, connections: stdout.split('\n') };
      }),
    ]);
  }

  #outcome(reports: Awaited<ReturnType<Traffic['report']>>): Outcome {
    const pods = Object.values(reports);
    const lives = this.#nodes.flatMap((node) => node.lives.map(judgeLife));
    const damaged = pods.reduce((sum, pod) => sum + pod.damaged, 0);
    const broken: Record<string, number> = {};
    for (const pod of pods) {
      for (const [code, count] of Object.entries(pod.broken)) broken[code] = (broken[code] ?? 0) + count;
    }
    const bytes = pods.flatMap(({ tcp }) => Object.values(tcp)).reduce((sum, value) => sum + value, 0);
    const found = failures(this.#rounds, lives, damaged);
    if (this.#broke !== undefined) found.push(this.#broke);
    return {
      machine: machine(),
      seed: this.#options.seed,
      minutes: this.#seconds() / 60,
      passed: found.length === 0,
      failures: found,
      rounds: this.#rounds,
      transfers: { completed: pods.reduce((sum, pod) => sum + pod.completed, 0), bytes, broken, damaged },
      lives,
    };
  }

  #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  #traffic_(): Traffic {
    if (!this.#traffic) throw new PodwireError('INTERNAL', 'no traffic yet');
    return this.#traffic;
  }

  async #nft(place: Place, input: string): Promise<void> {
    const { code, stderr } = await this.#lab.exec(place, ['nft', '-f', '-'], { input });
    if (code !== 0) throw new PodwireError('MACHINE', `nft: ${stderr.trim()}`);
  }
}

function named({ slowestMs, wayMs, slowest, stuck }: Progress) {
  return { slowestMs, wayMs, slowest, stuck: stuck.map(nameOf) };
}

function lineOf({ round, seconds, during, after, balance: sums, lostNodes }: RoundOutcome): string {
  const stuck = after.stuck.length > 0 ? `; STUCK: ${after.stuck.join(', ')}` : '';
  const stood = during && during.stuck.length > 0 ? `; stood meanwhile: ${during.stuck.join(', ')}` : '';
  const away = sums.unaccounted.map(({ stage, where, packets }) => `; UNACCOUNTED ${packets} (${stage}, ${where})`);
  const gone = lostNodes.length > 0 ? `; ENDED BY THEMSELVES: ${lostNodes.join(', ')}` : '';
  const { host, sending, network, receiving } = sums.lost;
  const { frames, waiting, link } = sums.behind;
  return (
    `${seconds} s: ${describe(round.fault)}, ${(round.lastsMs / 1000).toFixed(1)} s; all moved after ${after.slowestMs} ms, ${after.wayMs} without TCP ` +
    `(${after.slowest}); sent ${sums.sent}, lost ${sums.sent - sums.received} (host ${host}, sending ${sending}, ` +
    `router ${network}, ${sums.unresolved} of them without a neighbour, receiving ${receiving}), twice ${sums.duplicates}, late ${sums.late}; behind podwire ${frames} frames ` +
    `(${waiting} bytes had no neighbour, ${link} no link)${stood}${stuck}${away.join('')}${gone}`
  );
}
