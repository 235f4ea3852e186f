/** Rules as `iptables -S` prints them, as far as they are about what we know of our packets. Pure. */
import { parseAddress, prefixContains, prefixOf } from '../wire/address.js';
import type { Chains, Match, Packet, Rule, Verdict } from './packet-filter.js';

export interface IptablesTable {
  readonly chains: Chains;
  /** Of the built-in chains, `ACCEPT` or `DROP`. */
  readonly policies: ReadonlyMap<string, string>;
}

const NAT = ['MASQUERADE', 'SNAT', 'NETMAP'];

/** @param program such as `iptables-legacy`, for the command that removes a rule */
export function parseIptablesTable(text: string, program: string, table: string): IptablesTable {
  const chains = new Map<string, Rule[]>();
  const policies = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [what, name, ...words] = line.split(' ');
    if (what === '-P') policies.set(name, words[0]);
    if (what === '-P' || what === '-N') chains.set(name, []);
    if (what === '-A') chains.get(name)?.push(ruleOf(words, `${program} -t ${table} -D ${name} ${words.join(' ')}`));
  }
  return { chains, policies };
}

function ruleOf(words: readonly string[], remove: string): Rule {
  const matches: Match[] = [];
  let verdict: Verdict = { kind: 'none' };
  let not = false;
  for (let i = 0; i < words.length; i++) {
    const value = words[i + 1];
    const add = (match: Match) => {
      matches.push(not ? (packet) => negated(match(packet)) : match);
      not = false;
      i++;
    };
    switch (words[i]) {
      case '!':
        not = true;
        break;
      case '-i':
        add(({ iif }) => isName(value, iif));
        break;
      case '-o':
        add(({ oif }) => isName(value, oif));
        break;
      case '-s':
        add(({ source }) => isIn(value, source));
        break;
      case '-d':
        add(({ destination }) => isIn(value, destination));
        break;
      case '-p':
        add(({ protocol }) => value === protocol);
        break;
      case '--dport':
        add(({ port }) => value === String(port));
        break;
      case '--ctstate':
      case '--state':
        add(({ state }) => value.toLowerCase().split(',').includes(state));
        break;
      case '-m':
        // Which module asks; what it asks comes next.
        i++;
        break;
      case '-j':
      case '-g':
        verdict = verdictOf(value, words[i] === '-g');
        // What stands behind a target is its own.
        return { matches, verdict, place: `rule ${words.join(' ')}`, remove };
      default:
        if (words[i].startsWith('-')) matches.push(() => undefined);
    }
  }
  return { matches, verdict, place: `rule ${words.join(' ')}`, remove };
}

function verdictOf(target: string, goto: boolean): Verdict {
  if (target === 'ACCEPT') return { kind: 'accept' };
  if (target === 'DROP' || target === 'REJECT') return { kind: 'drop' };
  if (target === 'RETURN') return { kind: 'return' };
  if (NAT.includes(target)) return { kind: 'nat' };
  return { kind: goto ? 'goto' : 'jump', target };
}

function negated(answer: boolean | undefined): boolean | undefined {
  return answer === undefined ? undefined : !answer;
}

function isName(value: string, name: string | undefined): boolean | undefined {
  if (name === undefined) return undefined;
  return value.endsWith('+') ? name.startsWith(value.slice(0, -1)) : value === name;
}

function isIn(value: string, address: Packet['source']): boolean | undefined {
  const [base, length] = value.split('/');
  const parsed = parseAddress(base);
  return parsed
    ? prefixContains(prefixOf(parsed, Number(length ?? (parsed.family === 4 ? 32 : 128))), address)
    : undefined;
}
