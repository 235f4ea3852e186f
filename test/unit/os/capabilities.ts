/** Gives up all capabilities but one; prints those before, after, and of a thread started then. For system-calls.test.ts. */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { dropPrivileges } from '../../../src/os/privileges.js';
import { both } from './both-system-calls.js';

const system = both.find(({ name }) => name === process.argv[2])?.system;
if (!system) throw new Error(`no ${process.argv[2]}`);
const effective = () => /^CapEff:\t(\w+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
const before = effective();
dropPrivileges(system);
const after = effective();
const source = `require('node:worker_threads').parentPort.postMessage(
  /^CapEff:\\t(\\w+)$/m.exec(require('node:fs').readFileSync('/proc/thread-self/status', 'utf8'))[1])`;
new Worker(source, { eval: true }).on('message', (thread) => console.log(JSON.stringify([before, after, thread])));
