/** The routes from pods to other nodes (underlay-routes.ts) in the kernel: one change after the other. */
import type { PodKernel } from './kernel.js';
import { type UnderlayRoutes, underlayLines } from './underlay-routes.js';

export const NO_ROUTES: UnderlayRoutes = { subnets: [], peers: [], siblings: [], direct: [] };

export class RouteFollower {
  readonly #kernel: PodKernel;
  readonly #tun: string;
  #routes = NO_ROUTES;
  #last: Promise<unknown> = Promise.resolve();

  /** @param tun name of the TUN device */
  constructor(kernel: PodKernel, tun: string) {
    this.#kernel = kernel;
    this.#tun = tun;
  }

  /** What an earlier life left is taken for ours: what of it is not wanted goes with the next change. */
  find(): Promise<void> {
    return this.#then(async () => {
      this.#routes = await this.#kernel.underlayRoutes();
    });
  }

  /** Makes them what is wanted. */
  follow(wanted: UnderlayRoutes): Promise<void> {
    return this.#then(async () => {
      const { remove, add } = underlayLines(this.#routes, wanted, this.#tun);
      this.#routes = wanted;
      if (remove.length + add.length > 0) await this.#kernel.nodeForced([...remove, ...add]);
    });
  }

  #then(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
