/**
 * Whether the cluster's packets come to the main table, where our routes are: policy routing rules that send them elsewhere
 * first, and IPsec policies that take them on their way.
 */
import type { StealingRule, XfrmPolicy } from '../control/machine-facts.js';
import { type Family, formatPrefix, type Prefix, parseAddress, prefixesOverlap, prefixOf } from '../wire/address.js';
import type { IpRoute } from './observe.js';
import { run } from './run.js';

/** The parts that we read of a rule in `ip -json rule show`. */
export interface IpRule {
  readonly priority: number;
  readonly src?: string;
  readonly srclen?: number;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly table?: string;
  readonly action?: string;
  readonly iif?: string;
  readonly fwmark?: string;
  readonly not?: unknown;
  readonly suppress_prefixlen?: number;
  readonly [other: string]: unknown;
}

/** Conditions that say nothing of what we know of packets: such a rule is not thought to be about ours. */
const CONDITIONS = ['fwmark', 'iif', 'oif', 'uid_start', 'ipproto', 'sport', 'dport', 'tos', 'tun_id'];

/** @param pods where packets of pods come from; @param ranges where they go */
export async function readStealingRules(pods: readonly Prefix[], ranges: readonly Prefix[]): Promise<StealingRule[]> {
  const found = await Promise.all(
    ([4, 6] as const).map(async (family) => {
      const rules = await ask<IpRule>(family, 'rule', 'show');
      const tables = [...new Set(beforeMain(rules).flatMap(({ table }) => table ?? []))];
      const routes = await Promise.all(
        tables.map(async (table) => [table, await ask<IpRoute>(family, 'route', 'show', 'table', table)] as const),
      );
      const own = ranges.filter((range) => range.family === family);
      return own.flatMap((range) => stealingRule(rules, new Map(routes), pods, range) ?? []);
    }),
  );
  return found.flat();
}

/** The first rule that leads packets of pods to a range elsewhere; undefined: they come to the main table. Pure. */
export function stealingRule(
  rules: readonly IpRule[],
  routes: ReadonlyMap<string, readonly IpRoute[]>,
  pods: readonly Prefix[],
  range: Prefix,
): StealingRule | undefined {
  for (const rule of rules) {
    if (!concerns(rule, pods, range)) continue;
    if (rule.table === 'main') {
      if ((rule.suppress_prefixlen ?? -1) < range.length) return undefined;
      continue;
    }
    const words = ruleInWords(rule);
    const { priority, action } = rule;
    if (rule.table === undefined) return { rule: words, priority, route: action ?? 'another way', range };
    const route = routes.get(rule.table)?.find(({ dst }) => {
      const destination = readPrefix(dst, undefined, range.family);
      return destination !== undefined && prefixesOverlap(destination, range);
    });
    if (!route) continue;
    return { rule: words, priority, route: [route.dst, 'dev', route.dev ?? route.type].join(' '), range };
  }
  return undefined;
}

function beforeMain(rules: readonly IpRule[]): IpRule[] {
  return rules.filter(({ table }) => table !== 'main' && table !== 'local' && table !== 'default');
}

function concerns(rule: IpRule, pods: readonly Prefix[], range: Prefix): boolean {
  if (rule.table === 'local') return false;
  const conditions = CONDITIONS.filter((name) => name in rule);
  // wg-quick: all that does not carry its mark.
  const inverted = 'not' in rule && conditions.length === 1 && conditions[0] === 'fwmark';
  if (conditions.length > 0 && !inverted) return false;
  if ('not' in rule && !inverted) return false;
  const source = readPrefix(rule.src ?? 'all', rule.srclen, range.family);
  const destination = readPrefix(rule.dst ?? 'all', rule.dstlen, range.family);
  if (!source || !destination) return false;
  return pods.some((subnet) => prefixesOverlap(source, subnet)) && prefixesOverlap(destination, range);
}

function ruleInWords({ priority, src = 'all', srclen, dst, dstlen, table, action }: IpRule): string {
  const length = (bits: number | undefined) => (bits === undefined ? '' : `/${bits}`);
  const to = dst === undefined ? '' : ` to ${dst}${length(dstlen)}`;
  return `${priority}: from ${src}${length(srclen)}${to} ${table === undefined ? action : `lookup ${table}`}`;
}

/** An address and a length, or both in one; `all` and `default` are everything. */
function readPrefix(text: string, length: number | undefined, family: Family): Prefix | undefined {
  const everything = family === 4 ? '0.0.0.0' : '::';
  const [base, bits] = text === 'all' || text === 'default' ? [everything, '0'] : text.split('/');
  const address = parseAddress(base);
  if (address?.family !== family) return undefined;
  return prefixOf(address, length ?? Number(bits ?? (family === 4 ? 32 : 128)));
}

/** IPsec policies for packets of pods, on their way out or through. */
export async function readXfrmPolicies(pods: readonly Prefix[], ranges: readonly Prefix[]): Promise<XfrmPolicy[]> {
  const { stdout } = await run('ip', ['xfrm', 'policy', 'show']);
  return parseXfrmPolicies(stdout, pods, ranges);
}

/** `src A dst B`, then indented `dir out action block priority 0`, and for IPsec a template. Pure. */
export function parseXfrmPolicies(text: string, pods: readonly Prefix[], ranges: readonly Prefix[]): XfrmPolicy[] {
  return text.split(/^(?=src )/m).flatMap((policy): XfrmPolicy[] => {
    const [, from = '', to = ''] = /^src (\S+) dst (\S+)/.exec(policy) ?? [];
    const direction = /\bdir (out|fwd)\b/.exec(policy)?.[1];
    const blocks = /\baction block\b/.test(policy);
    if (direction === undefined || (!blocks && !/\btmpl\b/.test(policy))) return [];
    const family = from.includes(':') ? 6 : 4;
    const [source, destination] = [from, to].map((prefix) => readPrefix(prefix, undefined, family));
    if (!source || !destination) return [];
    const overlaps = (prefix: Prefix, others: readonly Prefix[]) =>
      others.some((other) => prefixesOverlap(prefix, other));
    // Through this machine they go both ways; out of it, from its own pods to others.
    const ours =
      (overlaps(source, pods) && overlaps(destination, ranges)) ||
      (direction === 'fwd' && overlaps(source, ranges) && overlaps(destination, pods));
    if (!ours) return [];
    return [{ selector: `dir ${direction} src ${formatPrefix(source)} dst ${formatPrefix(destination)}`, blocks }];
  });
}

async function ask<Item>(family: Family, ...words: string[]): Promise<Item[]> {
  const { code, stdout } = await run('ip', [`-${family}`, '-json', ...words]);
  if (code !== 0) return [];
  try {
    return JSON.parse(stdout || '[]') as Item[];
  } catch {
    return [];
  }
}

/** Peers to which packets leave through another device than `device`. */
export async function readOtherWays<Peer extends { readonly text: string }>(
  peers: readonly Peer[],
  device: string | undefined,
): Promise<(Peer & { readonly device: string })[]> {
  if (device === undefined) return [];
  const ways = await Promise.all(
    peers.map(async (peer) => {
      const family = peer.text.includes(':') ? 6 : 4;
      const [way] = await ask<{ dev?: string }>(family, 'route', 'get', peer.text);
      return way?.dev === undefined || way.dev === device ? [] : [{ ...peer, device: way.dev }];
    }),
  );
  return ways.flat();
}
