/** The forwarding table's naive twin: a list of prefixes, searched from end to end. Addresses are BigInts here. */
import type { ForwardingChange, PeerRecord } from '../../../../src/core/forwarding/change.js';
import { NOBODY } from '../../../../src/core/forwarding/change.js';
import type { Address, Prefix } from '../../../../src/wire/address.js';

interface Entry {
  readonly prefix: Prefix;
  readonly peer: number;
  readonly underlay: boolean;
}

export class NaiveTable {
  readonly #maxPrefixes: number;
  readonly #maxPeers: number;
  entries: readonly Entry[] = [];
  peers: ReadonlyMap<number, PeerRecord> = new Map();

  constructor(maxPrefixes: number, maxPeers: number) {
    this.#maxPrefixes = maxPrefixes;
    this.#maxPeers = maxPeers;
  }

  /** Takes all changes or none. @returns the code with which they are refused */
  apply(changes: readonly ForwardingChange[]): 'TABLE_FULL' | 'INTERNAL' | undefined {
    let entries = [...this.entries];
    const peers = new Map(this.peers);
    for (const change of changes) {
      if (change.kind === 'setPeer') {
        if (change.peer >= this.#maxPeers) return 'TABLE_FULL';
        peers.set(change.peer, change.record);
      } else if (change.kind === 'removePeer') {
        if (entries.some((entry) => entry.peer === change.peer) || !peers.delete(change.peer)) return 'INTERNAL';
      } else {
        const others = entries.filter((entry) => !same(entry.prefix, change.prefix));
        if (change.kind === 'removePrefix' && others.length === entries.length) return 'INTERNAL';
        if (change.kind === 'setPrefix') {
          if (!peers.has(change.peer)) return 'INTERNAL';
          if (others.length === this.#maxPrefixes) return 'TABLE_FULL';
          others.push(change);
        }
        entries = others;
      }
    }
    this.entries = entries;
    this.peers = peers;
    return undefined;
  }

  owner(address: Address): number {
    const matches = this.entries.filter(({ prefix }) => contains(prefix, address));
    return matches.sort((one, other) => other.prefix.length - one.prefix.length)[0]?.peer ?? NOBODY;
  }

  sender(address: Address): number {
    const found = this.entries.find(({ prefix, underlay }) => underlay && contains(prefix, address));
    return found?.peer ?? NOBODY;
  }
}

function contains(prefix: Prefix, address: Address): boolean {
  if (prefix.family !== address.family) return false;
  const bits = prefix.family === 4 ? 32 : 128;
  const shift = BigInt(bits - prefix.length);
  return number(prefix) >> shift === number(address) >> shift;
}

function same(one: Prefix, other: Prefix): boolean {
  return one.family === other.family && one.length === other.length && number(one) === number(other);
}

function number({ family, words }: Address): bigint {
  const all = words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
  return family === 4 ? all & 0xffff_ffffn : all;
}
