/** Sets its nice value and tells what came of it, for nice.test.ts. */
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { setNice } from '../../../src/os/nice.js';

const refused = setNice(Number(process.argv[2]));
const code = "require('worker_threads').parentPort.postMessage(require('os').getPriority())";
new Worker(code, { eval: true }).once('message', (started: number) => {
  let group = '';
  try {
    group = readFileSync('/proc/self/autogroup', 'utf8').trim();
  } catch {
    // This kernel has none.
  }
  console.log(JSON.stringify({ refused, threads: [getPriority(), started], group }));
});
