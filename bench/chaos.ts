/**
 * `npm run bench:chaos -- [--minutes 60] [--seed 1] [--swallow no] [--only KIND,...] [--json FILE]`: four nodes that found
 * each other, TCP, UDP and pings between their pods, and a seeded series of faults: loss, reordering, duplication, narrow
 * links, links down, partitions, nodes stopped, killed and frozen. After each every flow must move again, and every packet
 * must have been delivered or counted. Exit code 1 if not, or if a node grows. Needs root, nft, tc, ethtool and ping.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ensurePrivileges } from '../src/lab/privileges.js';
import { hasProgram } from '../src/lab/tools.js';
import { markdown } from './chaos/outcome.js';
import { chaos } from './chaos/run.js';
import { FAULT_KINDS } from './chaos/schedule.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    swallow: { type: 'string', default: 'yes' },
    only: { type: 'string', default: FAULT_KINDS.join(',') },
    json: { type: 'string' },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes >= 1 && Number.isSafeInteger(seed) && ['yes', 'no'].includes(values.swallow))) {
  console.error('bench:chaos: --minutes is at least 1, --seed a whole number, --swallow yes or no');
  process.exit(2);
}
const kinds = new Set(values.only.split(','));
if (![...kinds].every((kind) => FAULT_KINDS.some((known) => known === kind))) {
  console.error(`bench:chaos: --only takes some of ${FAULT_KINDS.join(',')}`);
  process.exit(2);
}
await ensurePrivileges();
const missing = ['nft', 'tc', 'ethtool', 'ping'].filter((program) => !hasProgram(program));
if (missing.length > 0) {
  console.error(`bench:chaos needs ${missing.join(', ')}`);
  process.exit(2);
}
const outcome = await chaos({ seed, minutes, swallow: values.swallow === 'yes', kinds, say: console.log });
console.log(`\n${markdown(outcome)}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(outcome, null, 2)}\n`);
process.exitCode = outcome.passed ? 0 : 1;
