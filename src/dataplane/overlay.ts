/**
 * The main thread's half of the dataplane: the shared memory that workers read, and who may change it. `SharedState` is
 * what a worker is handed; it crosses to another thread as it is.
 */
import type { ByteWork } from '../bytes/work.js';
import { CounterTable } from '../core/counters.js';
import { ForwardingReader } from '../core/forwarding/forwarding-reader.js';
import { ForwardingTable } from '../core/forwarding/forwarding-table.js';
import { PathMtuTable } from '../core/path-mtu.js';
import { overhead } from '../wire/vxlan.js';
import { refuseClashes } from './peer-clashes.js';
import { type Peer, type PeerDifference, PeerSet, underlays } from './peers.js';
import type { PathContext, Vtep } from './vtep.js';

/**
 * No report takes a path below this, bytes of outer IP packet: RFC 791 §3.1, RFC 8201 §4. Where a node has both families
 * the lower holds for both: Linux itself takes no IPv6 path below 1,280.
 */
export const PATH_FLOOR = { 4: 576, 6: 1280 } as const;

export const DEFAULT_MAX_PEERS = 16_384;

/** Memory that all threads share, and the figures that go with it: `pathContext` makes a worker's view of it. */
export interface SharedState {
  readonly forwarding: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly pathMtus: SharedArrayBuffer;
  readonly workers: number;
  readonly maxPeers: number;
  readonly vtep: Vtep;
  /** No path is taken for narrower, bytes of outer IP packet. */
  readonly pathFloor: number;
}

/** This node, and the limits that memory is reserved for. */
export interface OverlayOptions {
  /** This node. */
  readonly self: Peer;
  readonly vxlan: { readonly vni: number; readonly port: number };
  /** DSCP of outer packets, 0 to 63, or `INHERIT`; 0 if not given. */
  readonly dscp?: number;
  /** The device's MTU, bytes. */
  readonly mtu: number;
  readonly workers: number;
  readonly maxPeers?: number;
  readonly maxPrefixes?: number;
  /**
   * Default false: a list in which two share a name, an address, a MAC or a subnet is refused. True: whoever makes the
   * lists has left such peers out already, and does without the check.
   */
  readonly peersChecked?: boolean;
}

/** This node and its peers, as the one thread has them that may change them; workers read the same in `shared`. */
export class Overlay {
  readonly shared: SharedState;
  readonly counters: CounterTable;
  readonly #table: ForwardingTable;
  readonly #pathMtus: PathMtuTable;
  readonly #peers: PeerSet;
  readonly #self: Peer;
  readonly #peersChecked: boolean;
  /** Changes of peers happen one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: OverlayOptions) {
    const { self, workers, maxPeers = DEFAULT_MAX_PEERS } = options;
    this.#self = self;
    this.#peersChecked = options.peersChecked ?? false;
    this.#table = ForwardingTable.create({
      readers: workers,
      maxPeers,
      ...(options.maxPrefixes === undefined ? {} : { maxPrefixes: options.maxPrefixes }),
    });
    this.counters = new CounterTable(workers, maxPeers);
    const pathFloor = Math.min(...underlays(self).map(({ family }) => PATH_FLOOR[family]));
    this.#pathMtus = new PathMtuTable(maxPeers, pathFloor);
    this.#peers = new PeerSet(self, options.vxlan, maxPeers);
    this.shared = {
      forwarding: this.#table.memory,
      counters: this.counters.memory,
      pathMtus: this.#pathMtus.memory,
      workers,
      maxPeers,
      vtep: { vni: options.vxlan.vni, mac: self.mac, dscp: options.dscp ?? 0, mtu: options.mtu },
      pathFloor,
    };
  }

  /** An overlay that knows its own node and no peer. */
  static async create(options: OverlayOptions): Promise<Overlay> {
    const overlay = new Overlay(options);
    await overlay.#table.apply(overlay.#peers.own());
    return overlay;
  }

  /**
   * Makes these the peers. Packets to and from peers that stay are not touched: the table is switched under them.
   * The list must not be changed meanwhile.
   * @throws PodwireError CONFIG for two that share what one node has, or TABLE_FULL; nothing was changed
   */
  setPeers(next: readonly Peer[]): Promise<PeerDifference> {
    const done = this.#last.then(() => this.#setPeers(next));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #setPeers(next: readonly Peer[]): Promise<PeerDifference> {
    if (!this.#peersChecked) await refuseClashes(this.#self, next);
    const { difference, gone, moved, commit } = await this.#peers.difference(next);
    if (difference.changes.length > 0) await this.#table.apply(difference.changes);
    commit();
    this.counters.resetPeers(gone);
    // One that has changed may be reached over another path now.
    for (const index of [...gone, ...moved]) this.#pathMtus.reset(index);
    return difference;
  }

  get self(): Peer {
    return this.#self;
  }

  /** The peer that has this index now; undefined: none, or this node itself. */
  peerAt(index: number): Peer | undefined {
    return this.#peers.at(index);
  }

  /** The peer of this name; undefined: none, or this node itself. */
  peer(node: string): Peer | undefined {
    return this.#peers.at(this.#peers.indexOf(node));
  }

  /** Peers with their counters and the largest inner IP packet that reaches each. */
  *peers(): Generator<{ peer: Peer; mtu: number; counters: ReturnType<CounterTable['peer']> }> {
    const { vtep } = this.shared;
    for (const { index, peer } of this.#peers.entries()) {
      const outer = this.#pathMtus.get(index);
      const mtu = outer === 0 ? vtep.mtu : Math.min(vtep.mtu, outer - overhead(peer.underlay.family));
      yield { peer, mtu, counters: this.counters.peer(index) };
    }
  }

  /** The outer IP packet that workers use on paths that were found to be narrow, bytes. */
  *narrowPaths(): Generator<{ node: string; mtu: number }> {
    for (const { index, peer } of this.#peers.entries()) {
      const mtu = this.#pathMtus.get(index);
      if (mtu !== 0) yield { node: peer.node, mtu };
    }
  }

  /** The outer IP packet that the path to a peer takes from now on, bytes; 0: as much as the device gives. */
  setPathMtu(node: string, mtu: number): void {
    const index = this.#peers.indexOf(node);
    if (!this.#peers.at(index)) return;
    if (mtu > 0) this.#pathMtus.set(index, mtu);
    else this.#pathMtus.reset(index);
  }
}

/** A worker's view of the shared state. @param onProbe takes path probes, if anybody watches paths */
export function pathContext(
  shared: SharedState,
  worker: number,
  work: ByteWork,
  now: () => number,
  onProbe?: PathContext['onProbe'],
): PathContext {
  const { vtep, pathFloor, workers, maxPeers } = shared;
  const counters = new CounterTable(workers, maxPeers, shared.counters);
  return {
    vtep,
    table: new ForwardingReader(shared.forwarding, worker),
    pathMtus: new PathMtuTable(maxPeers, pathFloor, shared.pathMtus),
    counters: counters.row(worker),
    peerCounters: counters.peers(worker),
    work,
    now,
    onProbe,
  };
}
