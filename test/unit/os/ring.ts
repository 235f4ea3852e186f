/** A thread that rings a waker, for system-calls.test.ts. */
import { workerData } from 'node:worker_threads';
import { both } from './both-system-calls.js';

const { name, waker } = workerData as { name: string; waker: number };
both.find((candidate) => candidate.name === name)?.system?.wakerRing(waker);
