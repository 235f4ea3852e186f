/** The underlay addresses of a node over its life: found before it joins, and followed as they come and go. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { formatSeed } from './control/config/endpoint.js';
import type { Endpoint, Seed } from './control/config/node-config.js';
import type { EventLog } from './control/membership/events.js';
import { sameUnderlay, type Underlay, underlayText } from './core/underlay.js';
import { OwnUnderlay } from './os/own-underlay.js';
import { SeedResolver } from './os/seed-resolver.js';

/** Between two looks, ms. */
const APART = 2_000;

export interface UnderlayWatchOptions {
  /** Absent: it is found. */
  readonly configured?: Underlay | undefined;
  /** The nodes to join, as they are configured now. */
  readonly join: () => readonly Seed[];
  readonly events: EventLog;
  /** The addresses are others now, and the cluster was told. */
  readonly onChange: () => Promise<void>;
  /** A look went wrong; there will be another. */
  readonly onFailure: (error: unknown) => void;
}

export class UnderlayWatch {
  readonly #options: UnderlayWatchOptions;
  readonly #own: OwnUnderlay;
  readonly #seeds: SeedResolver;
  #current: Underlay = [];
  #cluster: Cluster | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** One look at a time. */
  #looking = false;
  #closed = false;

  constructor(options: UnderlayWatchOptions) {
    const { configured, join, events } = options;
    this.#options = options;
    this.#seeds = new SeedResolver({ onFailure: (words) => events.tell('join-name-failed', words) });
    this.#own = new OwnUnderlay({
      configured,
      seeds: async () => (await Promise.all(join().map((seed) => this.resolve(seed)))).flat(),
      others: () => this.#cluster?.endpoints() ?? [],
    });
  }

  /** Those that are ours at present; none before they are found. */
  get current(): Underlay {
    return this.#current;
  }

  /** Where a node to join is now; empty if that is nowhere. Never rejects. */
  resolve(seed: Seed): Promise<readonly Endpoint[]> {
    return this.#seeds.resolve(seed);
  }

  /**
   * Waits while there is no route to any of the nodes to join, or until it is closed.
   * @param patient waits as well while no interface holds an address that is configured; else those are current
   */
  async find(patient: boolean): Promise<void> {
    const { configured, events } = this.#options;
    for (let tries = 0; !this.#closed; tries++) {
      this.#current = await this.#own.find();
      if (this.#current.length === 0 && configured && !patient) this.#current = configured;
      if (this.#current.length > 0) return;
      if (tries === 0) events.tell(configured ? 'no-address' : 'no-route', this.#missing());
      await delay(APART);
    }
  }

  #missing(): string {
    const { configured, join } = this.#options;
    return configured
      ? `no interface holds ${underlayText(configured)}: waiting until one does`
      : `no route to ${join().map(formatSeed).join(', ')}: waiting for one`;
  }

  /** From now on each change is told to this cluster, in the place of any before. */
  follow(cluster: Cluster): void {
    this.pause();
    this.#cluster = cluster;
    this.#timer = setInterval(() => {
      if (this.#looking) return;
      this.#looking = true;
      this.#look(cluster)
        .catch(this.#options.onFailure)
        .finally(() => {
          this.#looking = false;
        });
    }, APART);
  }

  /** Changes nothing until it follows again. */
  pause(): void {
    clearInterval(this.#timer);
    this.#cluster = undefined;
  }

  close(): void {
    this.#closed = true;
    this.pause();
  }

  /** Each family apart. */
  async #look(cluster: Cluster): Promise<void> {
    const next = await this.#own.look(this.#current, cluster.joined);
    if (this.#cluster !== cluster || sameUnderlay(next, this.#current)) return;
    const had = await cluster.move(next);
    if (this.#cluster !== cluster || sameUnderlay(had, this.#current)) return;
    this.#current = had;
    this.#options.events.tell('address-changed', `the underlay address is ${underlayText(had)} now`);
    await this.#options.onChange();
  }
}
