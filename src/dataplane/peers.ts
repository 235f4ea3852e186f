/**
 * Peers by name, turned into forwarding changes. Each peer has an index in the shared tables for as long as it is known;
 * a list of peers in, the ordered difference to what is installed out. A full set-up is the difference to nothing.
 */
import { type ForwardingChange, NOBODY, type PeerRecord, SELF } from '../core/forwarding/change.js';
import { overlayAddress } from '../core/overlay-address.js';
import { inSlices, onEventLoop, type Schedule } from '../core/slices.js';
import { type Address, familyBits, type Prefix, prefixOf, sameAddress, samePrefix } from '../wire/address.js';
import { PodwireError } from '../wire/error.js';
import { macEquals } from '../wire/ethernet.js';
import { encapsulationPrefix } from '../wire/vxlan.js';

/** A node as the dataplane knows it. */
export interface Peer {
  readonly node: string;
  /** Where its frames go, and come from. */
  readonly underlay: Address;
  /** Its address of the other underlay family: its frames may come from there as well. */
  readonly otherUnderlay?: Address | undefined;
  /** Its pod subnets: at most one for each family. */
  readonly podCidr: readonly Prefix[];
  /** Its VTEP MAC, six bytes. */
  readonly mac: Uint8Array;
  /** It reads congestion marks on the outer packet, as RFC 6040 has it; absent: nobody knows. */
  readonly ecn?: boolean;
}

/** An address as a prefix of full length. */
function hostPrefix(address: Address): Prefix {
  return prefixOf(address, familyBits(address.family));
}

/** What a change of peers does. */
export interface PeerDifference {
  readonly changes: readonly ForwardingChange[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: number;
}

/** A difference that is not yet remembered. */
export interface PlannedChange {
  readonly difference: PeerDifference;
  /** Indexes of those removed, and of those changed. */
  readonly gone: readonly number[];
  readonly moved: readonly number[];
  /** To be called when the changes are made. */
  commit(): void;
}

interface Installed {
  readonly index: number;
  readonly peer: Peer;
}

export class PeerSet {
  readonly #vxlan: { readonly vni: number; readonly port: number };
  readonly #self: Peer;
  readonly #maxPeers: number;
  readonly #installed = new Map<string, Installed>();
  /** `SELF` is nobody's here; a new peer takes the lowest that is free, so there are no holes. */
  readonly #byIndex: (Peer | undefined)[] = [undefined];
  readonly #schedule: Schedule;

  /**
   * @param self this node; it has index `SELF` and never changes
   * @param schedule default: `setImmediate`
   */
  constructor(
    self: Peer,
    vxlan: { readonly vni: number; readonly port: number },
    maxPeers: number,
    schedule: Schedule = onEventLoop,
  ) {
    this.#schedule = schedule;
    this.#self = self;
    this.#vxlan = vxlan;
    this.#maxPeers = maxPeers;
  }

  /** The changes that install this node itself: its pod subnets and its underlay address are its own. */
  own(): ForwardingChange[] {
    return this.#install(SELF, this.#self);
  }

  /**
   * The difference between what is installed and `next`. Removals stand first, so that a prefix that moves from one peer
   * to another is free when it is set. Nothing is remembered until `commit`. The event loop
   * turns meanwhile: whoever asks keeps the list as it is, and asks for one difference at a time.
   * @throws PodwireError TABLE_FULL
   */
  async difference(next: readonly Peer[]): Promise<PlannedChange> {
    const wanted = new Map<string, Peer>();
    await this.#inSlices(next, (peer) => {
      wanted.set(peer.node, peer);
    });
    const changes: ForwardingChange[] = [];
    const removed: string[] = [];
    const added: string[] = [];
    const changed: string[] = [];
    const gone: number[] = [];
    const moved: number[] = [];
    // What is as it was costs a comparison: a large cluster hears of single nodes all the time.
    const after: Installed[] = [];

    await this.#inSlices([...this.#installed.values()], ({ index, peer }) => {
      const successor = wanted.get(peer.node);
      if (successor && samePeer(peer, successor)) return;
      for (const prefix of prefixes(peer)) changes.push({ kind: 'removePrefix', prefix });
      if (successor) {
        changed.push(peer.node);
        moved.push(index);
        after.push({ index, peer: successor });
      } else {
        removed.push(peer.node);
        gone.push(index);
        changes.push({ kind: 'removePeer', peer: index });
      }
    });

    let free = SELF + 1;
    await this.#inSlices([...wanted.values()], (peer) => {
      if (this.#installed.has(peer.node)) return;
      while (this.#byIndex[free]) free++;
      if (free >= this.#maxPeers) {
        throw new PodwireError('TABLE_FULL', `more than ${this.#maxPeers - 1} peers: nothing was changed`);
      }
      added.push(peer.node);
      after.push({ index: free++, peer });
    });

    await this.#inSlices(after, ({ index, peer }) => {
      changes.push(...this.#install(index, peer));
    });

    const unchanged = wanted.size - added.length - changed.length;
    return {
      difference: { changes, added, removed, changed, unchanged },
      gone,
      moved,
      commit: () => this.#commit(removed, after),
    };
  }

  #commit(removed: readonly string[], after: readonly Installed[]): void {
    for (const node of removed) {
      const gone = this.#installed.get(node);
      this.#installed.delete(node);
      if (gone) this.#byIndex[gone.index] = undefined;
    }
    for (const one of after) {
      this.#installed.set(one.peer.node, one);
      this.#byIndex[one.index] = one.peer;
    }
  }

  #inSlices<T>(items: readonly T[], step: (item: T) => void): Promise<void> {
    return inSlices(this.#schedule, items.length, (index) => step(items[index]));
  }

  /** Installed peers with their index, without this node. */
  *entries(): Generator<Installed> {
    yield* this.#installed.values();
  }

  indexOf(node: string): number {
    return this.#installed.get(node)?.index ?? NOBODY;
  }

  /** The peer with this index; undefined for this node's own and for a free one. */
  at(index: number): Peer | undefined {
    return this.#byIndex[index];
  }

  #install(index: number, peer: Peer): ForwardingChange[] {
    const record: PeerRecord = {
      underlay: peer.underlay,
      port: this.#vxlan.port,
      prefix: encapsulationPrefix(this.#vxlan.vni, peer.mac, this.#self.mac),
      ecn: peer.ecn ?? false,
      overlay: peer.podCidr.map(overlayAddress),
    };
    return [
      { kind: 'setPeer', peer: index, record },
      ...peer.podCidr.map((prefix): ForwardingChange => ({ kind: 'setPrefix', prefix, peer: index, underlay: false })),
      ...underlays(peer).map((address): ForwardingChange => {
        return { kind: 'setPrefix', prefix: hostPrefix(address), peer: index, underlay: true };
      }),
    ];
  }
}

function prefixes(peer: Peer): Prefix[] {
  return [...peer.podCidr, ...underlays(peer).map(hostPrefix)];
}

/** All addresses that its frames may come from. */
export function underlays({ underlay, otherUnderlay }: Peer): Address[] {
  return otherUnderlay ? [underlay, otherUnderlay] : [underlay];
}

function samePeer(one: Peer, other: Peer): boolean {
  if (one === other) return true;
  return (
    sameList(underlays(one), underlays(other), sameAddress) &&
    macEquals(one.mac, 0, other.mac) &&
    (one.ecn ?? false) === (other.ecn ?? false) &&
    sameList(one.podCidr, other.podCidr, samePrefix)
  );
}

function sameList<T>(one: readonly T[], other: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return one.length === other.length && one.every((value, i) => same(value, other[i]));
}
