/** A whole node on the calling thread, between any two edges: what an embedder starts with. */
import type { CounterName } from '../core/counters.js';
import { formatAddress } from '../wire/address.js';
import { type InlineNodeOptions, readInlineOptions } from './inline-options.js';
import { InlineRunner } from './inline-runner.js';
import { type NodeDescription, readPeers } from './node-description.js';
import { Overlay, pathContext } from './overlay.js';
import { Pipeline } from './pipeline.js';

export type { InlineNodeOptions, NodeDescription };

/**
 * A node on the thread that creates it: it takes its turns from the event loop, from `create` until `close`, or until an
 * edge is gone (`onLost`, `lost`).
 */
export class InlineNode {
  readonly #overlay: Overlay;
  readonly #runner: InlineRunner;
  readonly #options: InlineNodeOptions;
  #lost: unknown;
  #closed = false;

  private constructor(options: InlineNodeOptions, overlay: Overlay) {
    const { device, network, work } = options;
    const context = pathContext(overlay.shared, 0, work, () => performance.now());
    this.#options = options;
    this.#overlay = overlay;
    this.#runner = new InlineRunner(new Pipeline(device, network, context), device, network, (error) =>
      this.#loses(error),
    );
  }

  /**
   * Makes the node, and takes its first turn soon.
   * @throws PodwireError CONFIG for what is missing, what is none or out of its limits, and for two nodes that share what
   * one node has. Whatever it rejects with, both edges are open still, and the caller's: it closes them
   */
  static async create(options: InlineNodeOptions): Promise<InlineNode> {
    const { overlay: described, peers } = readInlineOptions(options);
    const overlay = await Overlay.create(described);
    await overlay.setPeers(peers);
    return new InlineNode(options, overlay);
  }

  /** Makes these the peers, while packets flow. @throws PodwireError CONFIG or TABLE_FULL; nothing was changed */
  async setPeers(peers: readonly NodeDescription[]): Promise<void> {
    const { node, underlay } = this.#overlay.self;
    await this.#overlay.setPeers(readPeers(peers, node, underlay.family));
  }

  /** Each counter's total since the node was made; what begins with `kernel_` stays 0. */
  counters(): Record<CounterName, number> {
    return this.#overlay.counters.total();
  }

  /** Frames and bytes each way, by peer. */
  peers(): {
    node: string;
    underlay: string;
    mtu: number;
    txFrames: number;
    txBytes: number;
    rxFrames: number;
    rxBytes: number;
  }[] {
    return [...this.#overlay.peers()].map(({ peer, mtu, counters }) => ({
      node: peer.node,
      underlay: formatAddress(peer.underlay),
      mtu,
      ...counters,
    }));
  }

  /** Why the node has stopped by itself: what `onLost` was told; undefined: it has not. */
  get lost(): unknown {
    return this.#lost;
  }

  /** Stops, and closes both edges, once: whoever calls again does no harm. What an edge throws comes out. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#runner.stop();
    try {
      this.#options.device.close();
    } finally {
      this.#options.network.close();
    }
  }

  #loses(error: unknown): void {
    this.#lost = error;
    const { onLost } = this.#options;
    // Called by the event loop: an uncaught exception. A node that stops unheard looks like a network that drops all.
    if (!onLost) throw error;
    onLost(error);
  }
}
