/** A thread that rings a waker, for udp.test.ts. */
import { workerData } from 'node:worker_threads';
import { loadAddon } from '../../../src/os/addon.js';

loadAddon().wakerRing(workerData as number);
