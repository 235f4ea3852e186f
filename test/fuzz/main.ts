/**
 * `npm run fuzz -- [--target all] [--minutes 1] [--inputs COUNT] [--seed N] [--json FILE]`: fuzzes for as long as it is
 * told, each target in its turn, and prints a line for each. The target is `all`, a group of test/fuzz/targets.ts (`wire`,
 * `gossip`, `paths`, `other`), or the name of one, such as `inbound`. Ends with 1 if something was found: the seed, with
 * the same target, leads there again.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../src/core/random.js';
import { type FuzzReport, fuzz } from './loop.js';
import { mutator } from './mutate.js';
import { findTargets } from './targets.js';

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'all' },
    minutes: { type: 'string' },
    inputs: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    json: { type: 'string' },
  },
});
const seed = Number(values.seed);
const inputs = values.inputs === undefined ? undefined : Number(values.inputs);
const minutes = Number(values.minutes ?? (inputs === undefined ? 1 : Number.POSITIVE_INFINITY));
if (!(minutes > 0) || !(inputs === undefined || inputs > 0) || !Number.isInteger(seed)) {
  console.error('fuzz: --minutes and --inputs are numbers above 0, --seed is a whole number');
  process.exit(2);
}
const targets = await findTargets(values.target, mutator(seededRandom(seed)));
if (targets.length === 0) {
  console.error(`fuzz: there is no target '${values.target}': test/fuzz/targets.ts has them`);
  process.exit(2);
}

const whole = targets.reduce((sum, { share }) => sum + share, 0);
const reports: FuzzReport[] = [];
console.log(`seed ${seed}\n`);
console.log('| target | inputs | seconds | a second | answers | heap (MiB) |\n|---|---|---|---|---|---|');
for (const target of targets) {
  // By inputs each has its share of them; by time all have the same.
  const share = target.share / whole;
  const report = await fuzz(target, seed, {
    ...(inputs !== undefined && { inputs: Math.ceil(inputs * share) }),
    ...(Number.isFinite(minutes) && { seconds: (60 * minutes) / targets.length }),
  });
  reports.push(report);
  console.log(row(report));
  if (report.problem !== '') console.log(`\n${report.problem}\n`);
}
if (values.json !== undefined) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  writeFileSync(values.json, `${JSON.stringify({ machine, reports }, null, 2)}\n`);
}
process.exit(reports.every(({ problem }) => problem === '') ? 0 : 1);

function row({ target, inputs, seconds, answers, heap }: FuzzReport): string {
  const mebibytes = heap.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' -> ');
  return `| ${target} | ${inputs} | ${seconds.toFixed(1)} | ${Math.round(inputs / seconds)} | ${answers} | ${mebibytes} |`;
}
