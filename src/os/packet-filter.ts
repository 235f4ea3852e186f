/**
 * What a packet filter does to a packet, followed through its chains. Pure, and the same for nftables and iptables: their
 * readers make rules of it (nft-rules.ts, iptables-rules.ts).
 *
 * A rule may ask what is not known of a packet, such as a mark: then it only may match. Such a rule is believed to accept
 * if something that it asks is about us, and never to drop: what is named as a culprit must be one.
 */
import type { Address } from '../wire/address.js';

export interface Packet {
  /** Devices; undefined: one whose name is not known. */
  readonly iif: string | undefined;
  readonly oif: string | undefined;
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly state: 'new' | 'established' | 'invalid';
}

/** Whether a packet is what a rule asks for; undefined: it cannot be said. */
export type Match = (packet: Packet) => boolean | undefined;

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'nat' | 'none' }
  | { readonly kind: 'jump' | 'goto'; readonly target: string };

export interface Rule {
  readonly matches: readonly Match[];
  readonly verdict: Verdict;
  /** Its place, such as `handle 7`. */
  readonly place: string;
  /** The command that removes it. */
  readonly remove: string;
  /** Packets that it has taken; undefined: it does not count. */
  readonly packets?: number | undefined;
}

/** The chains of one table, by name. */
export type Chains = ReadonlyMap<string, readonly Rule[]>;

/** Which rule decided, and how. */
export interface Decision {
  readonly kind: 'accept' | 'drop' | 'nat';
  readonly chain: string;
  readonly rule: Rule;
}

/** Jumps deeper than this are no more followed; the kernel allows 16. */
const DEEPEST = 16;

/** What a chain does to a packet; undefined: it comes to the chain's end. */
export function decide(chains: Chains, chain: string, packet: Packet): Decision | undefined {
  const found = walk(chains, chain, packet, false, 0);
  return found === 'return' ? undefined : found;
}

function walk(
  chains: Chains,
  chain: string,
  packet: Packet,
  perhaps: boolean,
  depth: number,
): Decision | 'return' | undefined {
  for (const rule of chains.get(chain) ?? []) {
    const answers = rule.matches.map((match) => match(packet));
    if (answers.includes(false)) continue;
    const maybe = perhaps || answers.includes(undefined);
    const { verdict } = rule;
    if (verdict.kind === 'jump' || verdict.kind === 'goto') {
      if (depth === DEEPEST) continue;
      const found = walk(chains, verdict.target, packet, maybe, depth + 1);
      if (found !== undefined && found !== 'return') return found;
      if (verdict.kind === 'goto' && !maybe) return 'return';
    } else if (verdict.kind === 'return') {
      if (!maybe) return 'return';
    } else if (verdict.kind === 'accept') {
      if (!maybe || answers.includes(true)) return { kind: 'accept', chain, rule };
    } else if (verdict.kind !== 'none' && !maybe) {
      return { kind: verdict.kind, chain, rule };
    }
  }
  return undefined;
}
