/**
 * The pod addresses of one subnet of a node: who holds which, and in what order free ones are given out again. Pure: time
 * comes in with each call. Addresses that were never given out go first, in their order; then the one that was given back
 * the longest ago, if its cool-down is over: whoever still remembers its former holder has forgotten by then.
 */
import { type Address, addressAt, familyBits, formatAddress, formatPrefix, type Prefix } from '../wire/address.js';

/** How long an address rests before another pod gets it, ms. Longer than neighbours and conntrack of UDP remember. */
export const COOL_DOWN = 30_000;

/** A subnet may be 2^64 addresses large; so many of them are used. No node runs more pods. */
const MOST = 4096;

/** Why there is no address. */
export interface NoAddress {
  readonly why: 'taken' | 'reserved' | 'outside' | 'exhausted' | 'cooling';
  readonly words: string;
}

export class PodAddresses {
  readonly subnet: Prefix;
  readonly #first: number;
  readonly #last: number;
  readonly #reserved: ReadonlySet<number>;
  /** Holders by the address's number in the subnet. */
  readonly #held = new Map<number, string>();
  /** When free ones were given back, ms since 1970; the one that rests the longest stands first. */
  readonly #resting = new Map<number, number>();
  /** Numbers below are held, or rest. */
  #fresh: number;

  /** @param foreign the range is a part of a network of others, who have these addresses of it; none is the node's by its place */
  constructor(subnet: Prefix, foreign?: readonly Address[]) {
    this.subnet = subnet;
    this.#first = foreign ? 0 : firstOf(subnet);
    this.#last = foreign ? Math.min(MOST, sizeOf(subnet)) - 1 : lastOf(subnet);
    this.#fresh = this.#first;
    this.#reserved = new Set((foreign ?? []).flatMap((address) => this.#numberOf(address) ?? []));
  }

  /** Numbers from the first pod's to the last. */
  get size(): number {
    return Math.max(0, this.#last - this.#first + 1 - this.#reserved.size);
  }

  get held(): number {
    return this.#held.size;
  }

  /**
   * Gives an address to a holder.
   * @param now ms since 1970
   * @param wanted exactly this one; it need not have rested
   */
  allocate(holder: string, now: number, wanted?: Address): Address | NoAddress {
    const number = wanted === undefined ? this.#next(now) : this.#named(wanted);
    if (typeof number !== 'number') return number;
    this.#hold(number, holder);
    return addressAt(this.subnet, number);
  }

  /** Notes who holds an address, as it was remembered; false: another does, or it is none of this subnet. */
  restore(holder: string, address: Address): boolean {
    const number = this.#numberOf(address);
    if (number === undefined || (this.#held.get(number) ?? holder) !== holder) return false;
    this.#hold(number, holder);
    return true;
  }

  /** The address is free from now on, and rests. Nothing happens if it is not held. */
  release(address: Address, now: number): void {
    const number = this.#numberOf(address);
    if (number !== undefined && this.#held.delete(number)) this.#resting.set(number, now);
  }

  /** Notes an address that rests since then, as it was remembered; to be called in the order of the times. */
  rest(address: Address, since: number): void {
    const number = this.#numberOf(address);
    if (number === undefined || this.#held.has(number)) return;
    this.#resting.delete(number);
    this.#resting.set(number, since);
  }

  holderOf(address: Address): string | undefined {
    const number = this.#numberOf(address);
    return number === undefined ? undefined : this.#held.get(number);
  }

  /** Free ones that were given out before, with the time since when, the longest first. */
  *resting(): Generator<{ address: Address; since: number }> {
    for (const [number, since] of this.#resting) yield { address: addressAt(this.subnet, number), since };
  }

  #hold(number: number, holder: string): void {
    this.#held.set(number, holder);
    this.#resting.delete(number);
  }

  #next(now: number): number | NoAddress {
    for (; this.#fresh <= this.#last; this.#fresh++) {
      const number = this.#fresh;
      if (!this.#held.has(number) && !this.#resting.has(number) && !this.#reserved.has(number)) return number;
    }
    for (const [number, since] of this.#resting) {
      // A clock that was set back must not keep an address for ever.
      const rested = now - since;
      if (rested >= COOL_DOWN || rested < 0) return number;
      const seconds = Math.ceil((COOL_DOWN - rested) / 1000);
      const words = `no address of ${formatPrefix(this.subnet)} is free: ${this.held} pods hold one, and the ${this.#resting.size} that are free were given back less than ${COOL_DOWN / 1000} s ago; try again in ${seconds} s`;
      return { why: 'cooling', words };
    }
    const words = `no address of ${formatPrefix(this.subnet)} is free: ${this.held} pods hold one each; a longer podPrefix allows for more, 'podwire ipam check' finds what was left behind`;
    return { why: 'exhausted', words };
  }

  #named(wanted: Address): number | NoAddress {
    const text = formatAddress(wanted);
    const number = this.#numberOf(wanted);
    if (number === undefined) {
      return { why: 'outside', words: `${text} is not a pod's address of ${formatPrefix(this.subnet)}` };
    }
    if (this.#reserved.has(number)) {
      return {
        why: 'reserved',
        words: `${text} is the gateway's, the node's or the network's own: pods cannot have it`,
      };
    }
    if (number < this.#first) {
      return {
        why: 'reserved',
        words: `${text} is the node's or the gateway's: pods have those from ${formatAddress(addressAt(this.subnet, this.#first))} on`,
      };
    }
    const holder = this.#held.get(number);
    return holder === undefined ? number : { why: 'taken', words: `${text} is held by ${holder}` };
  }

  #numberOf(address: Address): number | undefined {
    if (address.family !== this.subnet.family) return undefined;
    const low = (address.words[3] & ~this.#mask()) >>> 0;
    if (low > this.#last) return undefined;
    const own = addressAt(this.subnet, low);
    return own.words.every((word, i) => word === address.words[i]) ? low : undefined;
  }

  /** Of the last word; the numbers that are used lie in it. */
  #mask(): number {
    const bits = Math.min(32, familyBits(this.subnet.family) - this.subnet.length);
    return bits === 32 ? 0 : -1 << bits;
  }
}

/** `.0` is the node, `.1` the gateway; `::` any router, `::1` the gateway, `::2` the node (src/core/overlay-address.ts). */
function firstOf(subnet: Prefix): number {
  return subnet.family === 4 ? 2 : 3;
}

/** The last address of an IPv4 subnet is its broadcast address. */
function lastOf(subnet: Prefix): number {
  const size = sizeOf(subnet);
  return Math.min(MOST, size) - (subnet.family === 4 && size <= MOST ? 2 : 1);
}

function sizeOf(subnet: Prefix): number {
  return 2 ** Math.min(52, familyBits(subnet.family) - subnet.length);
}
