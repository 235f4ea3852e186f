/**
 * Peers by name, turned into forwarding changes. Each peer has an index in the shared tables for as long as it is known;
 * a list of peers in, the ordered difference to what is installed out. A full set-up is the difference to nothing.
 */
import { type ForwardingChange, NOBODY, type PeerRecord, SELF } from '../core/forwarding/change.js';
import { overlayAddress } from '../core/overlay-address.js';
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

/** What a change of peers does, and what to remember once it is done. */
export interface PeerDifference {
  readonly changes: readonly ForwardingChange[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: number;
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
  readonly #byIndex = new Map<number, Peer>();

  /** @param self this node; it has index `SELF` and never changes */
  constructor(self: Peer, vxlan: { readonly vni: number; readonly port: number }, maxPeers: number) {
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
   * to another is free when it is set. Nothing is remembered until `commit`.
   * @throws PodwireError TABLE_FULL
   */
  difference(next: readonly Peer[]): { difference: PeerDifference; commit: () => void } {
    const wanted = new Map(next.map((peer) => [peer.node, peer]));
    const removals: ForwardingChange[] = [];
    const additions: ForwardingChange[] = [];
    const removed: string[] = [];
    const added: string[] = [];
    const changed: string[] = [];
    // What is as it was costs a comparison: a large cluster hears of single nodes all the time.
    const after: Installed[] = [];

    for (const [node, { index, peer }] of this.#installed) {
      const successor = wanted.get(node);
      if (successor && samePeer(peer, successor)) continue;
      for (const prefix of prefixes(peer)) removals.push({ kind: 'removePrefix', prefix });
      if (successor) {
        changed.push(node);
        after.push({ index, peer: successor });
        additions.push(...this.#install(index, successor));
      } else {
        removed.push(node);
        removals.push({ kind: 'removePeer', peer: index });
      }
    }

    let free = SELF + 1;
    for (const peer of wanted.values()) {
      if (this.#installed.has(peer.node)) continue;
      while (this.#byIndex.has(free)) free++;
      if (free >= this.#maxPeers) {
        throw new PodwireError('TABLE_FULL', `more than ${this.#maxPeers - 1} peers: nothing was changed`);
      }
      added.push(peer.node);
      after.push({ index: free, peer });
      additions.push(...this.#install(free, peer));
      free++;
    }

    const unchanged = wanted.size - added.length - changed.length;
    return {
      difference: { changes: [...removals, ...additions], added, removed, changed, unchanged },
      commit: () => this.#commit(removed, after),
    };
  }

  #commit(removed: readonly string[], after: readonly Installed[]): void {
    for (const node of removed) {
      const gone = this.#installed.get(node);
      this.#installed.delete(node);
      if (gone) this.#byIndex.delete(gone.index);
    }
    for (const { index, peer } of after) {
      this.#installed.set(peer.node, { index, peer });
      this.#byIndex.set(index, peer);
    }
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
    return this.#byIndex.get(index);
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
