/** One run of a scenario: what was done, when who noticed, what was noticed falsely, and what it cost. Same seed, same run. */
import { seededRandom } from '../core/random.js';
import type { Swim } from '../core/swim/swim.js';
import { ALIVE, type NodeId, SUSPECT, type SwimEvent } from '../core/swim/types.js';
import { PodwireError } from '../wire/error.js';
import { type SimCard, SimCluster } from './cluster.js';
import { type Action, profileOf, type Scenario } from './scenario.js';
import type { Traffic } from './traffic.js';

/** A change that the others are to notice, and how it became known. */
export interface Spread {
  readonly what: 'join' | 'kill' | 'leave' | 'restart' | 'update' | 'heal';
  /** ms */
  readonly at: number;
  /** Nodes that could notice, but for those that went before they did. */
  readonly witnesses: number;
  /** Of a `kill`: when it was first suspected by anybody, ms after `at` (SWIM §4: its first detection). */
  readonly suspectedMs?: number;
  /** When each that noticed did so, ms after `at`, in order. For `heal`: when the last foreign node was back for each. */
  readonly times: readonly number[];
}

/** What came of a run, by its virtual clock. */
export interface RunReport {
  readonly seed: number;
  readonly nodes: number;
  readonly seconds: number;
  /** Seconds in which traffic was counted. */
  readonly counted: number;
  readonly spreads: readonly Spread[];
  /** Times that a node which ran and was reachable was suspected, or declared dead, by anybody; and of how many nodes. */
  readonly falseSuspicions: number;
  readonly falseDeaths: number;
  readonly falselyDead: number;
  /** Those deaths of nodes that were not slow. */
  readonly falseDeathsOfHealthy: number;
  /**
   * At the end: views of one node that runs of another, and how many of them are wrong: who is there and not seen, or
   * seen and gone, or known by what it no longer says of itself.
   */
  readonly views: number;
  readonly wrongViews: number;
  readonly traffic: Traffic;
  /** For each node and second, of datagrams and of states. */
  readonly bytesPerNodeSecond: number;
  readonly packetsPerNodeSecond: number;
  /** Events that were simulated. */
  readonly events: number;
}

/** Called now and then, so that people see something. @param part of the virtual time that has passed */
export type OnProgress = (part: number, events: number) => void;

/** Called with all that any node notices, within its own step: looks, and changes nothing. @param swim the node that noticed */
export type OnNotice = (event: SwimEvent<SimCard>, swim: Swim<SimCard>) => void;

/** So many looks at the progress in a run. */
const LOOKS = 200;

interface Watched {
  readonly what: Spread['what'];
  readonly at: number;
  readonly kinds: readonly SwimEvent<SimCard>['kind'][];
  readonly witnesses: Set<NodeId>;
  readonly noticed: Map<NodeId, number>;
  suspectedMs?: number;
}

/** A split that has ended: whom each node has to see again. */
interface Heal {
  readonly at: number;
  readonly missing: Map<NodeId, Set<NodeId>>;
  readonly done: number[];
}

/**
 * Plays a scenario from beginning to end; returns when it is over, which may take minutes for thousands of nodes.
 * @param seed of all chance: the same gives the same report
 * @throws PodwireError CONFIG: an action comes when one node is left; TypeError: the seed is no whole number
 */
export function runScenario(
  scenario: Scenario,
  seed: number,
  onProgress: OnProgress = () => {},
  onNotice: OnNotice = () => {},
): RunReport {
  if (!Number.isSafeInteger(seed)) throw new TypeError(`the seed is a whole number, not ${String(seed)}`);
  const run = new Run(scenario, seed, onNotice);
  const end = scenario.seconds * 1000;
  for (let look = 1; look <= LOOKS; look++) {
    run.cluster.runUntil((end * look) / LOOKS);
    onProgress(look / LOOKS, run.cluster.handled);
  }
  return run.report(seed);
}

class Run {
  readonly cluster: SimCluster;
  readonly #scenario: Scenario;
  readonly #random: () => number;
  /** What is watched for, by the node that it is about. */
  readonly #watched = new Map<NodeId, Watched>();
  readonly #spreads: Watched[] = [];
  readonly #killed: NodeId[] = [];
  #heal: Heal | undefined;
  #groups: Uint8Array | undefined;
  #falseSuspicions = 0;
  #falseDeaths = 0;
  #falseDeathsOfHealthy = 0;
  readonly #falselyDead = new Set<NodeId>();

  constructor(scenario: Scenario, seed: number, onNotice: OnNotice) {
    this.#scenario = scenario;
    this.#random = seededRandom(seed);
    const { nodes, latencyMs, jitterMs, loss, duplicate, actions } = scenario;
    this.cluster = new SimCluster({
      nodes,
      room: actions.reduce((sum, action) => sum + ('join' in action ? action.join : 0), 0),
      profile: profileOf(scenario),
      network: { latencyMs, jitterMs, loss, duplicate },
      random: this.#random,
      onEvent: (at, event, now) => {
        // While the cluster is being made its nodes are told of each other.
        const swim = (this.cluster as SimCluster | undefined)?.swim(at);
        if (swim) onNotice(event, swim);
        this.#notice(at, event, now);
      },
    });
    this.cluster.at(scenario.warmUp * 1000, () => this.cluster.traffic.reset());
    for (const action of actions) this.cluster.at(action.at * 1000, () => this.#act(action));
  }

  #act(action: Action): void {
    const { cluster } = this;
    const now = cluster.now;
    if ('join' in action) this.#times(action.join, () => this.#watch('join', cluster.join(this.#pick()), ['joined']));
    else if ('kill' in action) this.#times(action.kill, () => this.#kill());
    else if ('leave' in action) {
      this.#times(action.leave, () => {
        const node = this.#pick();
        this.#watch('leave', node, ['left']);
        this.#goes(node);
        cluster.leave(node);
      });
    } else if ('restart' in action) {
      this.#times(action.restart, () => {
        const node = this.#killed.shift();
        if (node === undefined) return;
        cluster.restart(node, this.#pick());
        this.#watch('restart', node, ['joined', 'updated', 'recovered']);
      });
    } else if ('update' in action) {
      this.#times(action.update, () => {
        const node = this.#pick();
        this.#watch('update', node, ['updated']);
        cluster.update(node);
      });
    } else if ('slow' in action) {
      const nodes = cluster.running().filter(() => this.#random() < action.slow);
      for (const node of nodes.length > 0 ? nodes : [this.#pick()])
        cluster.network.setSlow(node, now, action.what, action.stall * 1000);
      cluster.at(now + action.for * 1000, () => cluster.network.mendSlow());
    } else this.#split(action.split, action.for * 1000);
  }

  #kill(): void {
    const node = this.#pick();
    this.#killed.push(node);
    this.#watch('kill', node, ['failed']);
    this.#goes(node);
    this.cluster.kill(node);
  }

  /** Nothing more can be asked of it: neither that it notices, nor that it sees anybody again. */
  #goes(node: NodeId): void {
    for (const { witnesses, noticed } of this.#spreads) if (!noticed.has(node)) witnesses.delete(node);
    if (!this.#heal) return;
    this.#heal.missing.delete(node);
    for (const at of this.#heal.missing.keys()) this.#noticeBack(this.#heal, at, node, this.cluster.now);
  }

  #split(part: number, forMs: number): void {
    const { cluster } = this;
    const running = cluster.running();
    this.#groups = new Uint8Array(this.#scenario.nodes + 1024);
    for (const node of running) this.#groups[node] = this.#random() < part ? 1 : 0;
    cluster.network.split(this.#groups);
    cluster.at(cluster.now + forMs, () => {
      cluster.network.split(undefined);
      this.#groups = undefined;
      this.#watchHeal();
    });
  }

  /** Who of the others each node has given up, and has to see again. */
  #watchHeal(): void {
    const { cluster } = this;
    const missing = new Map<NodeId, Set<NodeId>>();
    for (const node of cluster.running()) {
      const lost = [...(cluster.swim(node)?.members() ?? [])].filter(
        ({ node: other, state }) => state > 1 && cluster.swim(other),
      );
      if (lost.length > 0) missing.set(node, new Set(lost.map(({ node: other }) => other)));
    }
    this.#heal = { at: cluster.now, missing, done: [] };
  }

  #watch(what: Spread['what'], node: NodeId, kinds: Watched['kinds']): void {
    const { cluster } = this;
    const witnesses = new Set(
      cluster
        .running()
        .filter((other) => other !== node && (!this.#groups || this.#groups[other] === this.#groups[node])),
    );
    const watched: Watched = { what, at: cluster.now, kinds, witnesses, noticed: new Map() };
    this.#watched.set(node, watched);
    this.#spreads.push(watched);
  }

  #notice(at: NodeId, event: SwimEvent<SimCard>, now: number): void {
    if (event.kind === 'refuted') return;
    const { node } = event;
    const watched = this.#watched.get(node);
    if (watched?.kinds.includes(event.kind) && watched.witnesses.has(at) && !watched.noticed.has(at)) {
      watched.noticed.set(at, now - watched.at);
    }
    if (watched?.what === 'kill' && event.kind === 'suspected') watched.suspectedMs ??= now - watched.at;
    if (this.#heal && event.kind === 'joined') this.#noticeBack(this.#heal, at, node, now);
    if (event.kind !== 'suspected' && event.kind !== 'failed') return;
    const gone =
      !this.cluster.swim(node) || !this.cluster.network.reaches(at, node) || this.cluster.swim(node)?.leaving;
    // After a split has ended the news of it still goes round, until all see all.
    if (gone || (this.#heal && this.#heal.missing.size > 0)) return;
    if (event.kind === 'suspected') this.#falseSuspicions++;
    else {
      this.#falseDeaths++;
      this.#falselyDead.add(node);
      if (!this.cluster.network.isSlow(node)) this.#falseDeathsOfHealthy++;
    }
  }

  #noticeBack(heal: Heal, at: NodeId, node: NodeId, now: number): void {
    const missing = heal.missing.get(at);
    if (!missing?.delete(node) || missing.size > 0) return;
    heal.missing.delete(at);
    heal.done.push(now - heal.at);
  }

  #times(count: number, act: () => void): void {
    for (let i = 0; i < count; i++) act();
  }

  /** A node that runs and is not about to go, at random. */
  #pick(): NodeId {
    const staying = this.cluster.running().filter((node) => this.cluster.swim(node)?.leaving === false);
    if (staying.length > 1) return staying[Math.floor(this.#random() * staying.length)];
    throw new PodwireError('CONFIG', `the scenario: at ${this.cluster.now / 1000} s there is one node left`);
  }

  /** What nodes think at the end, against the truth: who runs is alive, who does not is not. */
  #compare(): Pick<RunReport, 'views' | 'wrongViews'> {
    const running = this.cluster.running();
    let wrongViews = 0;
    for (const node of running) {
      let seen = 0;
      for (const { node: other, state, card } of this.cluster.swim(node)?.members() ?? []) {
        const there = state === ALIVE || state === SUSPECT;
        if (there && this.cluster.swim(other) && card.version === this.cluster.card(other).version) seen++;
        else if (there && !this.cluster.swim(other)) wrongViews++;
      }
      wrongViews += running.length - seen;
    }
    return { views: running.length ** 2, wrongViews };
  }

  report(seed: number): RunReport {
    const { nodes, seconds, warmUp } = this.#scenario;
    const counted = nodes * (seconds - warmUp);
    const traffic = this.cluster.traffic.read();
    const sum = (of: 'bytes' | 'packets') => Object.values(traffic).reduce((total, counts) => total + counts[of], 0);
    const spreads = this.#spreads.map(({ what, at, witnesses, noticed, suspectedMs }): Spread => {
      const times = sorted([...noticed.values()]);
      return { what, at, witnesses: witnesses.size, times, ...(suspectedMs !== undefined && { suspectedMs }) };
    });
    if (this.#heal) {
      const { at, missing, done } = this.#heal;
      spreads.push({ what: 'heal', at, witnesses: missing.size + done.length, times: sorted(done) });
    }
    return {
      ...this.#compare(),
      seed,
      nodes,
      seconds,
      counted: seconds - warmUp,
      spreads,
      falseSuspicions: this.#falseSuspicions,
      falseDeaths: this.#falseDeaths,
      falselyDead: this.#falselyDead.size,
      falseDeathsOfHealthy: this.#falseDeathsOfHealthy,
      traffic,
      bytesPerNodeSecond: sum('bytes') / counted,
      packetsPerNodeSecond: sum('packets') / counted,
      events: this.cluster.handled,
    };
  }
}

function sorted(times: number[]): number[] {
  return times.sort((a, b) => a - b);
}

/**
 * When a part of the witnesses had noticed, ms; undefined: so many never did.
 * @param part 0 < part <= 1
 */
export function noticedBy({ times, witnesses }: Spread, part: number): number | undefined {
  return times[Math.max(1, Math.ceil(part * witnesses)) - 1];
}
