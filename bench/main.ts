/**
 * `npm run bench`: what the parts cost inside one process, without a kernel.
 */
import { twins } from '../src/bytes/index.js';
import { byteWork } from '../src/os/native.js';
import { bytes, codecs, lookups, pipelines, switchTime } from './cases.js';
import { line, measure, type Result } from './harness.js';
import { script } from './script.js';

const { quick, json, filter } = script('bench', 'What the parts cost inside one process, without a kernel.')
  .option('--quick', 'a fifth of a second for each instead of a second')
  .option('--json', 'for programs')
  .option('--filter <WORD>', 'only those with it in their names', '')
  .parse()
  .opts<{ readonly quick?: boolean; readonly json?: boolean; readonly filter: string }>();
const cases = [
  ...codecs(),
  ...(await lookups(10)),
  ...(await lookups(1000)),
  ...(await lookups(100_000)),
  ...bytes(),
  ...(await pipelines()),
].filter(({ name }) => name.includes(filter));

const results: Result[] = [];
if (!json) console.log(`Node ${process.version}, byte work: ${byteWork() === twins ? 'TypeScript' : 'C'}\n`);
for (const one of cases) {
  const result = measure(one, quick ? 0.2 : 1);
  results.push(result);
  if (!json) console.log(line(result));
}
const switchMs = await switchTime();
if (json) console.log(JSON.stringify({ node: process.version, results, switchMs }, null, 2));
else console.log(`\n100,000 prefixes move to another peer, while packets may flow: ${switchMs.toFixed(0)} ms`);
