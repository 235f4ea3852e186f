/**
 * `npm run fuzz`: fuzzes for as long as it is told, each target in its turn, and prints a line for each. The target is
 * `all`, a group of test/fuzz/targets.ts (`wire`, `gossip`, `paths`, `other`), or the name of one, such as `inbound`.
 * Ends with 1 if something was found: the seed, with the same target, leads there again.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { script } from '../../bench/script.js';
import { between, whole } from '../../src/cli/option-values.js';
import { seededRandom } from '../../src/core/random.js';
import { type FuzzReport, fuzz } from './loop.js';
import { mutator } from './mutate.js';
import { findTargets } from './targets.js';

interface Options {
  readonly target: string;
  readonly minutes?: number;
  readonly inputs?: number;
  readonly seed?: number;
  readonly json?: string;
}

const options = script(
  'fuzz',
  'Fuzzes each target in its turn, and prints a line for each; exit code 1 if something was found.',
  ['--target inbound --inputs 1000000 --seed 7', 'one target, a run that can be repeated'],
)
  .option('--target <NAME>', 'all, wire, gossip, paths, other, or one of those in test/fuzz/targets.ts', 'all')
  .option('--minutes <COUNT>', 'for all together (default: 1, or as long as the inputs take)', between(0.001, 100_000))
  .option('--inputs <COUNT>', 'for all together', whole(1))
  .option('--seed <NUMBER>', 'of a run that is to be repeated (default: a new one, which is told)', whole())
  .option('--json <FILE>', 'write the table')
  .parse()
  .opts<Options>();
const { target: wanted, inputs, json, seed = Math.floor(Math.random() * 2 ** 32) } = options;
const minutes = options.minutes ?? (inputs === undefined ? 1 : Number.POSITIVE_INFINITY);
const targets = await findTargets(wanted, mutator(seededRandom(seed)));
if (targets.length === 0) {
  console.error(`fuzz: there is no target '${wanted}': test/fuzz/targets.ts has them`);
  process.exit(2);
}

const shares = targets.reduce((sum, { share }) => sum + share, 0);
const reports: FuzzReport[] = [];
console.log(`seed ${seed}\n`);
console.log('| target | inputs | seconds | a second | answers | heap (MiB) |\n|---|---|---|---|---|---|');
for (const target of targets) {
  // By inputs each has its share of them; by time all have the same.
  const share = target.share / shares;
  const report = await fuzz(target, seed, {
    ...(inputs !== undefined && { inputs: Math.ceil(inputs * share) }),
    ...(Number.isFinite(minutes) && { seconds: (60 * minutes) / targets.length }),
  });
  reports.push(report);
  console.log(row(report));
  if (report.problem !== '') console.log(`\n${report.problem}\n`);
}
if (json !== undefined) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(json, `${JSON.stringify({ machine, reports }, null, 2)}\n`);
}
process.exit(reports.every(({ problem }) => problem === '') ? 0 : 1);

function row({ target, inputs, seconds, answers, heap }: FuzzReport): string {
  const mebibytes = heap.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' -> ');
  return `| ${target} | ${inputs} | ${seconds.toFixed(1)} | ${Math.round(inputs / seconds)} | ${answers} | ${mebibytes} |`;
}
