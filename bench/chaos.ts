/**
 * `npm run bench:chaos`: four nodes that found each other, TCP, UDP and pings between their pods, and a seeded series of
 * faults: loss, reordering, duplication, narrow links, links down, partitions, nodes stopped, killed and frozen. After each
 * every flow must move again, and every packet must have been delivered or counted. Exit code 1 if not, or if a node grows.
 * Needs root, nft, tc, ethtool and ping.
 */
import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { between, listOption, someOf, whole } from '../src/cli/option-values.js';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { markdown } from './chaos/outcome.js';
import { chaos } from './chaos/run.js';
import { FAULT_KINDS } from './chaos/schedule.js';
import { requirePrograms, script } from './script.js';

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly swallow: 'yes' | 'no';
  readonly only: readonly string[];
  readonly json?: string;
}

const { minutes, seed, swallow, only, json } = script(
  'bench:chaos',
  'Traffic between the pods of four nodes, and faults one by one: do all flows move again, is every packet accounted for?',
  ['--minutes 5 --seed 7', 'a short series of other faults'],
)
  .option('--minutes <COUNT>', 'how long', between(1, 10_000), 60)
  .option('--seed <NUMBER>', 'of the series of faults', whole(), 1)
  .addOption(new Option('--swallow <WHETHER>', 'some narrow links swallow ICMP').choices(['yes', 'no']).default('yes'))
  .addOption(listOption('--only <KINDS>', 'of faults', FAULT_KINDS, someOf(FAULT_KINDS)))
  .option('--json <FILE>', 'write what was found')
  .parse()
  .opts<Options>();
await ensurePrivileges();
requirePrograms('bench:chaos', ['nft', 'tc', 'ethtool', 'ping'], 'nftables iproute2 ethtool iputils-ping');
const outcome = await chaos({ seed, minutes, swallow: swallow === 'yes', kinds: new Set(only), say: console.log });
console.log(`\n${markdown(outcome)}`);
if (json !== undefined) writeFileSync(json, `${JSON.stringify(outcome, null, 2)}\n`);
process.exitCode = outcome.passed ? 0 : 1;
