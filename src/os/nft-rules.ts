/** Rules in the JSON of nftables (libnftables-json(5)), as far as they are about what we know of our packets. Pure. */
import { parseAddress, prefixContains, prefixOf } from '../wire/address.js';
import type { Match, Packet, Rule, Verdict } from './packet-filter.js';

/** The parts of a chain that we read. */
export interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly type?: string;
  readonly hook?: string;
  readonly policy?: string;
}

export interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr?: readonly Statement[];
}

type Statement = Readonly<Record<string, unknown>>;

interface Expression {
  readonly meta?: { readonly key?: string };
  readonly payload?: { readonly protocol?: string; readonly field?: string };
  readonly ct?: { readonly key?: string };
}

/** A rule may decide several ways, by a map: then it is several rules. */
export function rulesOf({ family, table, chain, handle, expr = [] }: NftRule): Rule[] {
  const matches: Match[] = family === 'ip' || family === 'ip6' ? [ofFamily(family === 'ip' ? 4 : 6)] : [];
  const common = {
    place: `handle ${handle}`,
    remove: `nft delete rule ${family} ${table} ${chain} handle ${handle}`,
  };
  const rules: Rule[] = [];
  let packets: number | undefined;
  let verdict: Verdict | undefined;
  for (const statement of expr) {
    const [[name, value]] = Object.entries(statement);
    if (name === 'match') matches.push(matchOf(value as { op: string; left: Expression; right: unknown }));
    else if (name === 'counter') packets = (value as { packets?: number } | null)?.packets;
    else if (name === 'vmap') rules.push(...mapped(value as { key: Expression; data: unknown }, [...matches], common));
    else if (name === 'xt') {
      // Of iptables' own extensions we only get the name, if that.
      if (isNat(value)) verdict = { kind: 'nat' };
      else matches.push(() => undefined);
    } else verdict ??= verdictOf(name, value);
  }
  if (verdict) rules.push({ ...common, matches, verdict, packets });
  return rules;
}

function ofFamily(family: 4 | 6): Match {
  return ({ source }) => source.family === family;
}

function isNat(xt: unknown): boolean {
  return /"(MASQUERADE|SNAT|NETMAP)"/.test(JSON.stringify(xt));
}

function verdictOf(name: string, value: unknown): Verdict | undefined {
  switch (name) {
    case 'accept':
    case 'drop':
    case 'return':
      return { kind: name };
    case 'reject':
      return { kind: 'drop' };
    case 'masquerade':
    case 'snat':
      return { kind: 'nat' };
    case 'jump':
    case 'goto':
      return { kind: name, target: String((value as { target?: unknown } | null)?.target) };
    default:
      return undefined;
  }
}

/** `ct state vmap { established : accept, invalid : drop }`. */
function mapped(
  { key, data }: { key: Expression; data: unknown },
  matches: readonly Match[],
  common: Pick<Rule, 'place' | 'remove'>,
): Rule[] {
  const set = (data as { set?: unknown } | null)?.set;
  if (!Array.isArray(set)) return [];
  return set.flatMap((element): Rule[] => {
    if (!Array.isArray(element)) return [];
    const [[name, value] = ['', undefined]] = Object.entries((element[1] ?? {}) as object);
    const verdict = verdictOf(name, value);
    return verdict
      ? [{ ...common, matches: [...matches, matchOf({ op: '==', left: key, right: element[0] })], verdict }]
      : [];
  });
}

function matchOf({ op, left, right }: { op: string; left: Expression; right: unknown }): Match {
  const asks = asked(left);
  if (!asks || !['==', 'in', '!='].includes(op)) return () => undefined;
  return (packet) => {
    const answer = asks(packet, right);
    return answer === undefined ? undefined : answer !== (op === '!=');
  };
}

type Question = (packet: Packet, right: unknown) => boolean | undefined;

/** What an expression asks of a packet; undefined: something that is not known of ours. */
function asked({ meta, payload, ct }: Expression): Question | undefined {
  switch (meta?.key ?? payload?.field ?? ct?.key) {
    case 'iifname':
    case 'iif':
      return ({ iif }, right) => (iif === undefined ? undefined : holds(right, (name) => isName(name, iif)));
    case 'oifname':
    case 'oif':
      return ({ oif }, right) => (oif === undefined ? undefined : holds(right, (name) => isName(name, oif)));
    case 'l4proto':
    case 'protocol':
    case 'nexthdr':
      return ({ protocol }, right) => holds(right, (value) => value === protocol);
    case 'nfproto':
      return ({ source }, right) => holds(right, (value) => value === (source.family === 4 ? 'ipv4' : 'ipv6'));
    case 'saddr':
      return ({ source }, right) =>
        ofRightFamily(payload, source.family) && holds(right, (value) => isIn(value, source));
    case 'daddr':
      return ({ destination }, right) =>
        ofRightFamily(payload, destination.family) && holds(right, (value) => isIn(value, destination));
    case 'dport':
      return ({ protocol, port }, right) =>
        (payload?.protocol === protocol || payload?.protocol === 'th') && holds(right, (value) => value === port, port);
    case 'state':
      return ct ? ({ state }, right) => holds(right, (value) => value === state) : undefined;
    default:
      return undefined;
  }
}

function ofRightFamily(payload: Expression['payload'], family: 4 | 6): boolean {
  return payload?.protocol === (family === 4 ? 'ip' : 'ip6');
}

function isName(value: unknown, name: string): boolean {
  if (typeof value !== 'string') return false;
  return value.endsWith('*') ? name.startsWith(value.slice(0, -1)) : value === name;
}

function isIn(value: unknown, address: Packet['source']): boolean | undefined {
  const { addr, len } = ((value as { prefix?: { addr?: unknown; len?: unknown } } | null)?.prefix ?? {
    addr: value,
    len: address.family === 4 ? 32 : 128,
  }) as { addr?: unknown; len?: unknown };
  if (typeof addr !== 'string' || typeof len !== 'number') return undefined;
  const base = parseAddress(addr);
  return base ? prefixContains(prefixOf(base, len), address) : undefined;
}

/** Whether a value, or one of a set or list of them, is the one; named sets are not looked into. */
function holds(right: unknown, is: (value: unknown) => boolean | undefined, number?: number): boolean | undefined {
  const { set, range } = (typeof right === 'object' && right !== null ? right : {}) as {
    set?: unknown;
    range?: unknown;
  };
  const list = Array.isArray(right) ? right : Array.isArray(set) ? set : undefined;
  if (list) {
    const answers = list.map((value) => holds(value, is, number));
    return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
  }
  if (Array.isArray(range)) return number === undefined ? undefined : range[0] <= number && number <= range[1];
  if (typeof right === 'string' && right.startsWith('@')) return undefined;
  return is(right);
}
