/**
 * The pods of a node and their addresses: a pure state machine. Each change gives the line for the journal; a table that is
 * read back from its journal is the table that wrote it.
 */
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  prefixContains,
} from '../wire/address.js';
import { IPV6_MIN_MTU } from '../wire/ipv6.js';
import { type NoAddress, PodAddresses } from './addresses.js';
import type { AddressRange } from './attachment.js';
import { type Entry, VERSION } from './journal.js';
import { type PodRecord, podKey } from './pod-record.js';

export interface Pod {
  readonly record: PodRecord;
  /** All that belongs to it is there. */
  whole: boolean;
}

export class PodTable {
  #pools: readonly PodAddresses[] = [];
  /** Of networks that are not podwire's (`macvlan`), by their ranges, since they were first asked for. */
  readonly #ranges = new Map<string, PodAddresses>();
  readonly #pods = new Map<string, Pod>();
  /** What rests and is of no subnet that is ours now: it may be again. */
  readonly #restingElsewhere = new Map<string, number>();

  /** The node's subnets, at most one a family. Who holds what, and what rests, stays as it is. */
  setSubnets(subnets: readonly Prefix[]): void {
    for (const { address, since } of this.#resting()) this.#restingElsewhere.set(formatAddress(address), since);
    this.#pools = subnets.map((subnet) => new PodAddresses(subnet));
    const resting = [...this.#restingElsewhere].sort(([, one], [, other]) => one - other);
    this.#restingElsewhere.clear();
    for (const [address, since] of resting) this.#rest(address, since);
    for (const { record } of this.#pods.values()) this.#restore(record);
  }

  get subnets(): readonly Prefix[] {
    return this.#pools.map(({ subnet }) => subnet);
  }

  get size(): number {
    return this.#pods.size;
  }

  pod(key: string): Pod | undefined {
    return this.#pods.get(key);
  }

  pods(): Iterable<Pod> {
    return this.#pods.values();
  }

  /** Of all pods, half-made ones too. */
  records(): PodRecord[] {
    return [...this.#pods.values()].map(({ record }) => record);
  }

  /** Addresses held, and addresses in all, of one family. */
  usage(family: Family): { readonly held: number; readonly size: number } | undefined {
    const pool = this.#pools.find(({ subnet }) => subnet.family === family);
    return pool && { held: pool.held, size: pool.size };
  }

  /**
   * One address of each of the node's families, those that are wanted among them; or why not, and then none is taken.
   * @param now ms since 1970
   * @param mtu the pod's: where it is too small for IPv6, there is none
   */
  allocate(
    key: string,
    wanted: readonly Address[],
    now: number,
    ranges?: readonly AddressRange[],
    mtu = IPV6_MIN_MTU,
  ): readonly Address[] | NoAddress {
    const all = ranges?.map((range) => this.#rangePool(range)) ?? this.#pools;
    const pools = mtu < IPV6_MIN_MTU ? all.filter(({ subnet }) => subnet.family === 4) : all;
    const small = pools.length < all.length && (pools.length === 0 || wanted.some(({ family }) => family === 6));
    if (small) return { why: 'outside', words: `IPv6 needs an MTU of ${IPV6_MIN_MTU}, and the pod's is ${mtu}` };
    const stray = wanted.find(({ family }) => !pools.some(({ subnet }) => subnet.family === family));
    if (stray) {
      const lacks = ranges ? 'range has no' : 'this node has no';
      return { why: 'outside', words: `${formatAddress(stray)}: ${lacks} IPv${stray.family} subnet` };
    }
    const taken: Address[] = [];
    for (const pool of pools) {
      const one = pool.allocate(
        key,
        now,
        wanted.find(({ family }) => family === pool.subnet.family),
      );
      if ('why' in one) {
        this.free(taken, now);
        return one;
      }
      taken.push(one);
    }
    return taken;
  }

  /** Gives back addresses of which no record was made. */
  free(addresses: readonly Address[], now: number): void {
    for (const address of addresses) for (const pool of this.#all()) pool.release(address, now);
  }

  making(record: PodRecord): Entry {
    this.#pods.set(podKey(record), { record, whole: false });
    this.#restore(record);
    return { do: 'making', record };
  }

  whole(key: string): Entry {
    const pod = this.#pods.get(key);
    if (pod) pod.whole = true;
    return { do: 'whole', key };
  }

  /** The pod is no more, its addresses rest. */
  gone(key: string, at: number): Entry {
    const pod = this.#pods.get(key);
    this.#pods.delete(key);
    for (const text of pod?.record.addresses ?? []) {
      const address = parseAddress(text);
      if (!address) continue;
      if (this.#all().some((pool) => pool.holderOf(address) !== undefined)) this.free([address], at);
      else this.#rest(text, at);
    }
    return { do: 'gone', key, at };
  }

  /** Does what lines say, in their order. @returns the boot that they tell of */
  replay(entries: readonly Entry[]): string | undefined {
    let boot: string | undefined;
    for (const entry of entries) {
      if (entry.do === 'begin') boot = entry.boot;
      else if (entry.do === 'making') this.making(entry.record);
      else if (entry.do === 'whole') this.whole(entry.key);
      else if (entry.do === 'gone') this.gone(entry.key, entry.at);
      else this.#rest(entry.address, entry.at);
    }
    return boot;
  }

  /** The lines that say it all. */
  entries(boot: string): Entry[] {
    const resting = [...this.#resting()].map(({ address, since }) => ({ address: formatAddress(address), at: since }));
    const elsewhere = [...this.#restingElsewhere].map(([address, at]) => ({ address, at }));
    return [
      { do: 'begin', version: VERSION, boot },
      ...[...elsewhere, ...resting].map(({ address, at }): Entry => ({ do: 'rest', address, at })),
      ...[...this.#pods].flatMap(([key, { record, whole }]): Entry[] => [
        { do: 'making', record },
        ...(whole ? [{ do: 'whole', key } as const] : []),
      ]),
    ];
  }

  #all(): PodAddresses[] {
    return [...this.#pools, ...this.#ranges.values()];
  }

  /** Ranges may overlap, as when a configuration has changed: each knows of all that is held or rests. */
  #rangePool({ range, reserved }: AddressRange): PodAddresses {
    const name = [formatPrefix(range), ...reserved.map(formatAddress)].join(' ');
    const there = this.#ranges.get(name);
    if (there) return there;
    const pool = new PodAddresses(range, reserved);
    this.#ranges.set(name, pool);
    const resting = new Map([...this.#resting()].map(({ address, since }) => [formatAddress(address), since]));
    for (const [text, since] of this.#restingElsewhere) resting.set(text, since);
    this.#restingElsewhere.clear();
    for (const [text, since] of [...resting].sort(([, one], [, other]) => one - other)) this.#rest(text, since);
    for (const { record } of this.#pods.values()) this.#restore(record);
    return pool;
  }

  #restore(record: PodRecord): void {
    for (const text of record.addresses) {
      const address = parseAddress(text);
      if (address) for (const pool of this.#all()) pool.restore(podKey(record), address);
    }
  }

  #rest(text: string, since: number): void {
    const address = parseAddress(text);
    if (!address) return;
    const pools = this.#all().filter(({ subnet }) => prefixContains(subnet, address));
    for (const pool of pools) pool.rest(address, since);
    if (pools.length === 0) this.#restingElsewhere.set(text, since);
  }

  *#resting(): Generator<{ address: Address; since: number }> {
    for (const pool of this.#all()) yield* pool.resting();
  }
}
