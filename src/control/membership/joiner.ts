/**
 * How a node gets into the cluster: it asks nodes that it was told of, or knew in an earlier life, for their state until
 * one answers. It goes on for ever: whoever is asked may be down for as long as it likes.
 */
import type { Endpoint } from '../config/node-config.js';
import type { Outcome } from './exchange.js';
import type { Clock } from './transport.js';

/** Asked at once. */
const AT_ONCE = 3;
const NO_ANSWER = 'no answer yet, is podwire up there, and TCP and UDP of that port let in?';
/** A round waits so long for answers, ms; what comes later is merged all the same. */
const ROUND = 2_000;
/** Pause between rounds, ms: the first, and what it grows to. */
const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 5_000;
/** A node that may found a cluster does so when nobody has answered for this long, ms. */
const FOUND_AFTER = 5_000;

/** Who was asked in vain, and what came of it. */
export type Refusals = readonly { readonly endpoint: Endpoint; readonly reason: string }[];

export interface Candidates {
  readonly ask: readonly Endpoint[];
  /** `at once`: it was told of nobody; `late`: it stands first in the list that all nodes have. */
  readonly mayFound: 'at once' | 'late' | 'never';
}

export interface JoinerOptions {
  /** Whom to ask, without this node itself, and whether it may found a cluster; asked for anew in each round. */
  readonly candidates: () => Promise<Candidates>;
  readonly ask: (endpoint: Endpoint) => Promise<Outcome>;
  readonly clock: Clock;
  /** 0 <= x < 1 */
  readonly random: () => number;
  /** Nobody answered in this round. */
  readonly onRefused: (refusals: Refusals) => void;
}

export class Joiner {
  readonly #options: JoinerOptions;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(options: JoinerOptions) {
    this.#options = options;
  }

  /** Resolves with how it ended: a state was exchanged, the node stands alone as the first, or `stop` was called. */
  async run(): Promise<'joined' | 'founded' | 'stopped'> {
    const { candidates, clock, onRefused } = this.#options;
    const started = clock.now();
    for (let pause = FIRST_PAUSE; !this.#stopped; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const { ask, mayFound } = await candidates();
      if (this.#stopped) break;
      const reasons = await this.#round(ask);
      if (this.#stopped) break;
      if (reasons === undefined) return 'joined';
      const late = mayFound === 'late' && clock.now() - started >= FOUND_AFTER;
      if (mayFound === 'at once' || late) return 'founded';
      onRefused(reasons);
      await this.#sleep(pause * (0.75 + this.#options.random() / 2));
    }
    return 'stopped';
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Asks some of them. @returns undefined as soon as one has answered, else what each came to */
  async #round(asked: readonly Endpoint[]): Promise<Refusals | undefined> {
    const { random, ask } = this.#options;
    const some = asked
      .map((endpoint) => ({ endpoint, at: random() }))
      .sort((a, b) => a.at - b.at)
      .slice(0, AT_ONCE);
    const reasons: { endpoint: Endpoint; reason: string }[] = [];
    const asking = some.map(async ({ endpoint }) => {
      const reason = await ask(endpoint);
      if (reason === undefined) return;
      reasons.push({ endpoint, reason });
      throw new Error(reason);
    });
    const limit = this.#sleep(ROUND).then(() => Promise.reject(new Error('too slow')));
    try {
      await Promise.race([Promise.any(asking), limit]);
      return undefined;
    } catch {
      const silent = some.filter(({ endpoint }) => !reasons.some((one) => one.endpoint === endpoint));
      return [...reasons, ...silent.map(({ endpoint }) => ({ endpoint, reason: NO_ANSWER }))];
    } finally {
      this.#cancel();
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#cancel = () => {
        cancel();
        resolve();
      };
    });
  }
}
