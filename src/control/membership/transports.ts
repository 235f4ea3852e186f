/** A transport on each underlay address of this node: one, or one of each family. */
import type { Underlay } from '../../core/underlay.js';
import { type Family, sameAddress } from '../../wire/address.js';
import type { Endpoint } from '../config/node-config.js';
import type { GossipTransport } from './transport.js';

export type OpenTransport = (local: Endpoint) => Promise<GossipTransport>;

export class Transports {
  readonly #openOne: OpenTransport;
  readonly #open = new Map<Family, { local: Endpoint; transport: GossipTransport }>();
  #closed = false;

  constructor(open: OpenTransport) {
    this.#openOne = open;
  }

  /** Who can be sent to is of a family that this node has. */
  to({ address }: Endpoint): GossipTransport | undefined {
    return this.#open.get(address.family)?.transport;
  }

  /** @throws PodwireError MACHINE: an address cannot be had; none is open */
  async open(locals: readonly Endpoint[]): Promise<void> {
    try {
      for (const local of locals) await this.#add(local);
    } catch (error) {
      await this.#end([...this.#open.keys()]);
      throw error;
    }
  }

  /**
   * To other addresses. One that stays goes on undisturbed.
   * @returns those that could be had, one at least
   * @throws PodwireError MACHINE: none could be had, and none is open
   */
  async move(underlay: Underlay, port: number): Promise<Underlay> {
    const stays = ({ address }: Endpoint) => underlay.some((wanted) => sameAddress(wanted, address));
    await this.#end([...this.#open].flatMap(([family, { local }]) => (stays(local) ? [] : [family])));
    let refused: unknown;
    for (const address of underlay) {
      if (this.#open.has(address.family)) continue;
      await this.#add({ address, port }).catch((error) => {
        refused = error;
      });
    }
    const had = underlay.filter(({ family }) => this.#open.has(family));
    if (had.length === 0) throw refused;
    return had;
  }

  /** Nothing is sent from here on, whatever is still under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#end([...this.#open.keys()]);
  }

  async #add(local: Endpoint): Promise<void> {
    const transport = await this.#openOne(local);
    if (this.#closed) await transport.close();
    else this.#open.set(local.address.family, { local, transport });
  }

  async #end(families: readonly Family[]): Promise<void> {
    const ending = families.flatMap((family) => this.#open.get(family) ?? []);
    for (const family of families) this.#open.delete(family);
    await Promise.all(ending.map(({ transport }) => transport.close()));
  }
}
