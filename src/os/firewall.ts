/**
 * Which chains could stop podwire's packets: nftables through `nft -json`, and the older iptables where its tables are in
 * use. Reads only; jumps are not followed, so "accepts" is what can be seen at first glance.
 */
import { readFile } from 'node:fs/promises';
import type { FirewallChain } from '../control/machine-facts.js';
import { run } from './run.js';

/** What a rule would have to let through. */
export interface Wanted {
  readonly port: number;
  readonly device: string;
}

type Hook = FirewallChain['hook'];

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

interface NftMatch {
  readonly op?: string;
  readonly left?: { readonly meta?: { readonly key?: string }; readonly payload?: { readonly field?: string } };
  readonly right?: unknown;
}

interface NftStatement {
  readonly accept?: null;
  readonly match?: NftMatch;
  readonly counter?: unknown;
  readonly [other: string]: unknown;
}

interface NftItem {
  readonly chain?: NftChain;
  readonly rule?: { readonly expr?: readonly NftStatement[] };
}

/** Chains at input and forward; undefined where they cannot be read. */
export async function readFirewall(wanted: Wanted): Promise<FirewallChain[] | undefined> {
  const [nft, legacy] = await Promise.all([nftChains(wanted), legacyChains(wanted)]);
  return nft === undefined ? (legacy.length > 0 ? legacy : undefined) : [...nft, ...legacy];
}

async function nftChains(wanted: Wanted): Promise<FirewallChain[] | undefined> {
  // Without the rules: those of services can be tens of thousands.
  const { code, stdout } = await run('nft', ['-j', 'list', 'chains']);
  if (code !== 0) return undefined;
  return Promise.all(
    parseNftChains(stdout).map(async (chain) => {
      const rules =
        chain.policy === 'drop'
          ? await run('nft', ['-j', 'list', 'chain', chain.family, chain.table, chain.name])
          : undefined;
      return {
        where: `nft table ${chain.family} ${chain.table}, chain ${chain.name}`,
        hook: chain.hook,
        policy: chain.policy,
        accepts: rules !== undefined && nftAccepts(rules.stdout, chain.hook, wanted),
      };
    }),
  );
}

/** The base chains at input and forward in `nft -j list chains`. */
export function parseNftChains(json: string) {
  return parseNft(json).flatMap(({ chain }) => {
    if (chain === undefined || !['ip', 'ip6', 'inet'].includes(chain.family)) return [];
    if (chain.hook !== 'input' && chain.hook !== 'forward') return [];
    const hook: Hook = chain.hook;
    const policy: FirewallChain['policy'] = chain.policy === 'drop' ? 'drop' : 'accept';
    return { family: chain.family, table: chain.table, name: chain.name, hook, policy };
  });
}

/** Has a chain (`nft -j list chain …`) a rule that accepts what is wanted, whatever else it may ask? */
export function nftAccepts(json: string, hook: Hook, wanted: Wanted): boolean {
  return parseNft(json).some(({ rule }) => {
    const statements = rule?.expr ?? [];
    if (!statements.some((statement) => statement.accept === null)) return false;
    const matches = statements.flatMap((statement) => statement.match ?? []);
    const opaque = statements.some((statement) => 'xt' in statement);
    if (matches.length === 0) return !opaque;
    return matches.some((match) => matchesWanted(match, hook, wanted));
  });
}

function matchesWanted({ op, left, right }: NftMatch, hook: Hook, wanted: Wanted): boolean {
  if (op !== '==' && op !== 'in') return false;
  if (hook === 'input') return left?.payload?.field === 'dport' && covers(right, wanted.port);
  return ['iifname', 'oifname', 'iif', 'oif'].includes(left?.meta?.key ?? '') && covers(right, wanted.device);
}

/** A value, a `{range: [a, b]}`, or a `{set: […]}` of them. */
function covers(right: unknown, value: string | number): boolean {
  if (right === value) return true;
  if (typeof right !== 'object' || right === null) return false;
  const { set, range } = right as { set?: unknown; range?: unknown };
  if (Array.isArray(set)) return set.some((item) => covers(item, value));
  return Array.isArray(range) && range[0] <= value && value <= range[1];
}

function parseNft(json: string): readonly NftItem[] {
  try {
    return (JSON.parse(json) as { nftables?: readonly NftItem[] }).nftables ?? [];
  } catch {
    return []; // another version's output: nothing is known
  }
}

/** Asking the older iptables loads its modules: only where a table of its is in use. */
async function legacyChains(wanted: Wanted): Promise<FirewallChain[]> {
  const found = await Promise.all([
    legacyTable('/proc/self/net/ip_tables_names', 'iptables', wanted),
    legacyTable('/proc/self/net/ip6_tables_names', 'ip6tables', wanted),
  ]);
  return found.flat();
}

async function legacyTable(names: string, program: string, wanted: Wanted): Promise<FirewallChain[]> {
  const tables = await readFile(names, 'utf8').catch(() => '');
  if (!tables.split('\n').includes('filter')) return [];
  const renamed = await run(`${program}-legacy`, ['-S']);
  const { code, stdout } = renamed.failure === 'ENOENT' ? await run(program, ['-S']) : renamed;
  return code === 0 ? parseIptables(stdout, program, wanted) : [];
}

/** INPUT and FORWARD in `iptables -S`: `-P FORWARD DROP`, `-A INPUT -p udp -m udp --dport 8472 -j ACCEPT`. */
export function parseIptables(text: string, program: string, wanted: Wanted): FirewallChain[] {
  const lines = text.split('\n');
  return (['input', 'forward'] as const).flatMap((hook) => {
    const name = hook.toUpperCase();
    const policy = lines.find((line) => line.startsWith(`-P ${name} `));
    if (policy === undefined) return [];
    const accepting = lines.filter((line) => line.startsWith(`-A ${name} `) && line.endsWith(' -j ACCEPT'));
    return {
      where: `${program} chain ${name}`,
      hook,
      policy: policy.endsWith(' DROP') ? ('drop' as const) : ('accept' as const),
      accepts: accepting.some((line) => iptablesMatches(line.split(' '), hook, wanted)),
    };
  });
}

function iptablesMatches(words: readonly string[], hook: Hook, wanted: Wanted): boolean {
  if (words.length === 4) return true; // -A CHAIN -j ACCEPT
  const after = (option: string) => words[words.indexOf(option) + 1];
  if (hook === 'input') return words.includes('--dport') && after('--dport') === String(wanted.port);
  return ['-i', '-o'].some((option) => words.includes(option) && after(option) === wanted.device);
}
