/**
 * The underlay addresses that a node has at present: those of its configuration, as far as interfaces hold them; or those
 * from which it reaches the nodes to join, found and followed. Each family comes and goes by itself.
 */
import type { Endpoint } from '../control/config/node-config.js';
import { addressIn, FAMILIES, type Underlay } from '../core/underlay.js';
import { ownAddresses, ownAddressesTowards, provenAddressesTowards } from './own-address.js';

/** A family that is missing is looked for at each look for so many looks after it was lost, and at every fifth look later. */
const EAGER_LOOKS = 30;
const SELDOM = 5;

export interface OwnUnderlayOptions {
  /** Absent: it is found. */
  readonly configured?: Underlay | undefined;
  /** Nodes to join, where they are now. */
  readonly seeds: () => Promise<readonly Endpoint[]>;
  /** Other nodes of the cluster, for a node whose seeds are gone. */
  readonly others: () => readonly Endpoint[];
}

export class OwnUnderlay {
  readonly #options: OwnUnderlayOptions;
  /** Somebody was reached from the addresses that were found last, or there was no choice. */
  #settled = true;
  #looksSinceLoss = EAGER_LOOKS;

  constructor(options: OwnUnderlayOptions) {
    this.#options = options;
  }

  /** To begin with; empty: there is no way to any node to join yet, or no interface holds any that is configured. */
  async find(): Promise<Underlay> {
    const { configured, seeds } = this.#options;
    return configured ? ownAddresses(configured) : this.#search(await seeds());
  }

  /**
   * What it is now; the same as `current` if nothing is better.
   * @param joined whether the cluster knows this node at `current`
   */
  async look(current: Underlay, joined: boolean): Promise<Underlay> {
    const { configured, seeds, others } = this.#options;
    const held = ownAddresses(configured ?? current);
    if (configured) return held.length > 0 ? held : current;
    if (held.length === 0 || !this.#settled) {
      const found = await this.#search([...(await seeds()), ...others()]);
      // Where nobody answers, what was told to the others stays.
      if (held.length > 0 && !this.#settled && joined) return held;
      return found.length > 0 ? found : current;
    }
    if (held.length < current.length) this.#looksSinceLoss = 0;
    this.#looksSinceLoss++;
    const missing = FAMILIES.filter((family) => !addressIn(held, family));
    if (missing.length === 0) return held;
    if (this.#looksSinceLoss > EAGER_LOOKS && this.#looksSinceLoss % SELDOM !== 0) return held;
    const targets = (await seeds()).filter(({ address }) => missing.includes(address.family));
    return [...held, ...(await provenAddressesTowards(targets))];
  }

  async #search(targets: readonly Endpoint[]): Promise<Underlay> {
    const { underlay, proven } = await ownAddressesTowards(targets);
    this.#settled = proven || underlay.length <= 1;
    return underlay;
  }
}
