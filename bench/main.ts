/**
 * `npm run bench -- [--quick] [--json] [--filter WORD]`: what the parts cost inside one process, without a kernel.
 */
import { parseArgs } from 'node:util';
import { twins } from '../src/bytes/index.js';
import { byteWork } from '../src/os/native.js';
import { bytes, codecs, lookups, pipelines, switchTime } from './cases.js';
import { line, measure, type Result } from './harness.js';

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, filter: { type: 'string' } },
});
const cases = [
  ...codecs(),
  ...(await lookups(10)),
  ...(await lookups(1000)),
  ...(await lookups(100_000)),
  ...bytes(),
  ...(await pipelines()),
].filter(({ name }) => name.includes(values.filter ?? ''));

const results: Result[] = [];
if (!values.json) console.log(`Node ${process.version}, byte work: ${byteWork() === twins ? 'TypeScript' : 'C'}\n`);
for (const one of cases) {
  const result = measure(one, values.quick ? 0.2 : 1);
  results.push(result);
  if (!values.json) console.log(line(result));
}
const switchMs = await switchTime();
if (values.json) console.log(JSON.stringify({ node: process.version, results, switchMs }, null, 2));
else console.log(`\n100,000 prefixes move to another peer, while packets may flow: ${switchMs.toFixed(0)} ms`);
