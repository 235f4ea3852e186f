/**
 * What the machine's packet filters do to podwire's packets: nftables through `nft -json`, and the older iptables where its
 * tables are in use. Reads only. Of chains that can hold tens of thousands of rules only those are read that our packets
 * come to.
 */
import { readFile } from 'node:fs/promises';
import type { FirewallChain, FirewallObstacle } from '../control/machine-facts.js';
import { parseIptablesTable } from './iptables-rules.js';
import { type NftChain, type NftRule, rulesOf } from './nft-rules.js';
import { type Chains, decide, type Packet, type Rule } from './packet-filter.js';
import { run } from './run.js';

export type Hook = FirewallChain['hook'] | 'postrouting';

/** A packet that has to pass a hook untouched. */
export interface Question {
  readonly hook: Hook;
  readonly traffic: FirewallObstacle['traffic'];
  readonly packet: Packet;
}

export interface Firewall {
  readonly chains: readonly FirewallChain[];
  readonly obstacles: readonly FirewallObstacle[];
  /** The older iptables has tables here, and this process may not read them: it takes CAP_NET_RAW. */
  readonly legacyUnread?: boolean;
}

/** A chain that the kernel itself sends packets through. */
export interface BaseChain {
  /** How to find its table: `nft table ip filter`. */
  readonly table: string;
  readonly name: string;
  /** Whose packets come to it; undefined: both families'. */
  readonly family: 4 | 6 | undefined;
  readonly hook: Hook;
  readonly policy: 'accept' | 'drop';
  /** The begin of a command that puts a rule at its top. */
  readonly insert: string;
}

/** Chains read of one table at most. */
const MOST_CHAINS = 100;
const HOOKS: readonly string[] = ['input', 'forward', 'postrouting'] satisfies Hook[];

/** Undefined where the packet filters cannot be read. */
export async function readFirewall(questions: readonly Question[]): Promise<Firewall | undefined> {
  const [nft, read] = await Promise.all([nftTables(), legacyTables()]);
  const legacy = read.flatMap((tables) => tables ?? []);
  if (nft === undefined && legacy.length === 0) return undefined;
  const found = [...(nft ?? []), ...legacy].map(({ base, chains }) => judgeChain(base, chains, questions));
  const obstacles = found.flatMap((one) => one.obstacles);
  const once = obstacles.filter(
    ({ remove, kind }, i) => obstacles.findIndex((other) => other.remove === remove && other.kind === kind) === i,
  );
  const unread = read.includes(undefined);
  return { chains: found.flatMap((one) => one.chain ?? []), obstacles: once, ...(unread && { legacyUnread: true }) };
}

/** What a base chain does to the packets that come to it. Pure. */
export function judgeChain(
  base: BaseChain,
  chains: Chains,
  questions: readonly Question[],
): { chain: FirewallChain | undefined; obstacles: FirewallObstacle[] } {
  const asked = questions.filter(
    ({ hook, packet }) => hook === base.hook && (base.family ?? packet.source.family) === packet.source.family,
  );
  const decisions = asked.map(({ packet, traffic }) => ({ traffic, decision: decide(chains, base.name, packet) }));
  const obstacles = decisions.flatMap(({ traffic, decision }): FirewallObstacle[] => {
    if (!decision || decision.kind === 'accept') return [];
    return [obstacleOf(decision.kind, traffic, base, decision.chain, decision.rule)];
  });
  const invalid = asked.flatMap(({ packet, traffic }): FirewallObstacle[] => {
    const decision = decide(chains, base.name, { ...packet, state: 'invalid' });
    const plain = decide(chains, base.name, packet);
    if (decision?.kind !== 'drop' || plain?.rule === decision.rule) return [];
    return [obstacleOf('invalid', traffic, base, decision.chain, decision.rule)];
  });
  const { hook } = base;
  if (hook === 'postrouting') return { chain: undefined, obstacles };
  // A rule that drops is told of as such: the chain's policy is not to blame.
  const left = decisions.filter(({ decision }) => decision === undefined);
  const closedOutside = left.some(({ traffic }) => traffic === 'outside');
  const closedBeside = left.some(({ traffic }) => traffic === 'beside');
  const accepts = left.every(({ traffic }) => traffic === 'outside' || traffic === 'beside');
  const where = `${base.table}, chain ${base.name}`;
  const { policy, insert } = base;
  const { family } = base;
  const also = {
    ...(closedOutside && { closedOutside }),
    ...(closedBeside && { closedBeside, ...(family && { family }) }),
  };
  const chain = { where, hook, policy, accepts, ...also, insert };
  return { chain, obstacles: [...obstacles, ...invalid] };
}

function obstacleOf(
  kind: FirewallObstacle['kind'],
  traffic: FirewallObstacle['traffic'],
  { table }: BaseChain,
  chain: string,
  { place, remove, packets }: Rule,
): FirewallObstacle {
  return { kind, traffic, where: `${table}, chain ${chain}, ${place}`, remove, packets };
}

interface Table {
  readonly base: BaseChain;
  readonly chains: Chains;
}

async function nftTables(): Promise<Table[] | undefined> {
  const { code, stdout } = await run('nft', ['-j', 'list', 'chains']);
  if (code !== 0) return undefined;
  return Promise.all(
    parseNftChains(stdout).map(async (chain) => {
      const { family, table, name, hook, policy } = chain;
      const insert = `nft insert rule ${family} ${table} ${name}`;
      const ofFamily = ({ ip: 4, ip6: 6 } as const)[family];
      const base = { table: `nft table ${family} ${table}`, name, family: ofFamily, hook, policy, insert };
      return { base, chains: await nftChainsFrom(family, table, name) };
    }),
  );
}

/** A chain and all that it leads to. */
async function nftChainsFrom(family: string, table: string, name: string): Promise<Chains> {
  const chains = new Map<string, Rule[]>();
  for (let wanted = [name]; wanted.length > 0 && chains.size < MOST_CHAINS; ) {
    const read = await Promise.all(
      wanted.map(async (chain) => {
        const { stdout } = await run('nft', ['-j', '-a', 'list', 'chain', family, table, chain]);
        return [chain, parseNftRules(stdout)] as const;
      }),
    );
    for (const [chain, rules] of read) chains.set(chain, rules);
    const targets = read.flatMap(([, rules]) =>
      rules.flatMap(({ verdict }) => ('target' in verdict && !chains.has(verdict.target) ? [verdict.target] : [])),
    );
    wanted = [...new Set(targets)];
  }
  return chains;
}

/** The base chains at our hooks in `nft -j list chains`. */
export function parseNftChains(json: string) {
  return parseNft<{ chain?: NftChain }>(json).flatMap(({ chain }) => {
    if (chain?.hook === undefined || !HOOKS.includes(chain.hook)) return [];
    if (!['ip', 'ip6', 'inet'].includes(chain.family)) return [];
    // What is not NAT may change packets behind routing, but not drop them by the way.
    if (chain.hook === 'postrouting' && chain.type !== 'nat') return [];
    const policy: FirewallChain['policy'] = chain.policy === 'drop' ? 'drop' : 'accept';
    return { family: chain.family, table: chain.table, name: chain.name, hook: chain.hook as Hook, policy };
  });
}

/** The rules in `nft -j -a list chain`. */
export function parseNftRules(json: string): Rule[] {
  return parseNft<{ rule?: NftRule }>(json).flatMap(({ rule }) => (rule ? rulesOf(rule) : []));
}

function parseNft<Item>(json: string): readonly Item[] {
  try {
    return (JSON.parse(json) as { nftables?: readonly Item[] }).nftables ?? [];
  } catch {
    return []; // another version's output: nothing is known
  }
}

const LEGACY = [
  ['filter', 'INPUT', 'input'],
  ['filter', 'FORWARD', 'forward'],
  ['nat', 'POSTROUTING', 'postrouting'],
] as const;

/** Asking the older iptables loads its modules: only where a table of its is in use. */
async function legacyTables(): Promise<(Table[] | undefined)[]> {
  const found = await Promise.all([
    legacyTable('/proc/self/net/ip_tables_names', 'iptables'),
    legacyTable('/proc/self/net/ip6_tables_names', 'ip6tables'),
  ]);
  return found.flat();
}

/** Undefined for each table that is there and cannot be read. */
async function legacyTable(names: string, program: string): Promise<(Table[] | undefined)[]> {
  const tables = (await readFile(names, 'utf8').catch(() => '')).split('\n');
  return Promise.all(
    LEGACY.filter(([table]) => tables.includes(table)).map(async ([table, name, hook]) => {
      const renamed = await run(`${program}-legacy`, ['-t', table, '-S']);
      const named = renamed.failure === 'ENOENT' ? program : `${program}-legacy`;
      const { code, stdout } = named === program ? await run(program, ['-t', table, '-S']) : renamed;
      return code === 0 ? legacyBase(stdout, named, table, name, hook) : undefined;
    }),
  );
}

/** A built-in chain in `iptables -S`. */
export function legacyBase(text: string, program: string, table: string, name: string, hook: Hook): Table[] {
  const { chains, policies } = parseIptablesTable(text, program, table);
  const policy = policies.get(name);
  if (policy === undefined) return [];
  const insert = `${program} -t ${table} -I ${name}`;
  const family = program.startsWith('ip6') ? 6 : 4;
  return [
    { base: { table: program, name, family, hook, policy: policy === 'DROP' ? 'drop' : 'accept', insert }, chains },
  ];
}
