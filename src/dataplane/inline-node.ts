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
 * edge is gone (`onLost`).
 */
export class InlineNode {
  readonly #overlay: Overlay;
  readonly #runner: InlineRunner;
  readonly #options: InlineNodeOptions;

  private constructor(options: InlineNodeOptions, overlay: Overlay) {
    const { device, network, work } = options;
    const context = pathContext(overlay.shared, 0, work, () => performance.now());
    this.#options = options;
    this.#overlay = overlay;
    this.#runner = new InlineRunner(
      new Pipeline(device, network, context),
      device,
      network,
      options.onLost ?? (() => undefined),
    );
  }

  /**
   * Makes the node, and takes its first turn soon.
   * @throws PodwireError CONFIG for what is missing, what is none or out of its limits, and for two nodes that share what
   * one node has
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

  /** Stops, and closes both edges. */
  close(): void {
    this.#runner.stop();
    this.#options.device.close();
    this.#options.network.close();
  }
}
