/** A whole node on the calling thread, between any two edges: what an embedder starts with. */
import type { ByteWork } from '../bytes/work.js';
import type { CounterName } from '../core/counters.js';
import { macFromName, parseMac } from '../core/mac.js';
import { type Address, formatAddress, type Prefix, parseAddress, parsePrefix } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { overhead } from '../wire/vxlan.js';
import type { DeviceEdge, UnderlayEdge } from './edges.js';
import { InlineRunner } from './inline-runner.js';
import { Overlay, pathContext } from './overlay.js';
import type { Peer } from './peers.js';
import { Pipeline } from './pipeline.js';

/** A node in words, as in a configuration file. */
export interface NodeDescription {
  /** Its name, unique among its peers. */
  readonly node: string;
  /** The address that its frames come from and go to. */
  readonly underlay: string;
  /** Its pod subnets, such as `10.244.1.0/24`: at most one for each family. */
  readonly podCidr: string | readonly string[];
  /** Its VTEP MAC; default: derived from its name. */
  readonly mac?: string;
}

/** A node, its two edges, and what may differ from the defaults. `close` closes both edges. */
export interface InlineNodeOptions extends NodeDescription {
  readonly device: DeviceEdge;
  readonly network: UnderlayEdge;
  readonly peers?: readonly NodeDescription[];
  /** The bytes' work: `byteWork()` for the addon where it is built, or the TypeScript twins. */
  readonly work: ByteWork;
  /** Default 1 and 8472. */
  readonly vxlan?: { readonly vni?: number; readonly port?: number };
  /** Largest inner IP packet, bytes; default 1,500 less the overhead. */
  readonly mtu?: number;
  readonly maxPeers?: number;
  readonly maxPrefixes?: number;
  /** Called once if an edge is gone; the node has stopped then. */
  readonly onLost?: (error: unknown) => void;
}

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

  /** @throws PodwireError CONFIG for an address, prefix or MAC that is none */
  static async create(options: InlineNodeOptions): Promise<InlineNode> {
    const self = readNode(options);
    const peers = (options.peers ?? []).map(readNode);
    const overlay = await Overlay.create({
      self,
      vxlan: { vni: options.vxlan?.vni ?? 1, port: options.vxlan?.port ?? 8472 },
      mtu: options.mtu ?? 1500 - overhead(self.underlay.family),
      workers: 1,
      maxPeers: options.maxPeers ?? 1024,
      maxPrefixes: options.maxPrefixes ?? 4096,
    });
    await overlay.setPeers(peers);
    return new InlineNode(options, overlay);
  }

  /** Makes these the peers, while packets flow. @throws PodwireError CONFIG or TABLE_FULL; nothing was changed */
  async setPeers(peers: readonly NodeDescription[]): Promise<void> {
    await this.#overlay.setPeers(peers.map(readNode));
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

function readNode(node: NodeDescription): Peer {
  const cidrs = typeof node.podCidr === 'string' ? [node.podCidr] : node.podCidr;
  const mac = node.mac === undefined ? macFromName(node.node) : parseMac(node.mac);
  if (!mac) throw new PodwireError('CONFIG', `${node.node}: '${node.mac}' is no MAC address: nothing was changed`);
  return { node: node.node, underlay: readAddress(node), podCidr: cidrs.map((cidr) => readPrefix(node, cidr)), mac };
}

function readAddress({ node, underlay }: NodeDescription): Address {
  const address = parseAddress(underlay);
  if (!address) throw new PodwireError('CONFIG', `${node}: '${underlay}' is no IP address: nothing was changed`);
  return address;
}

function readPrefix({ node }: NodeDescription, cidr: string): Prefix {
  const prefix = parsePrefix(cidr);
  if (typeof prefix === 'string') throw new PodwireError('CONFIG', `${node}: ${prefix}: nothing was changed`);
  return prefix;
}
