/** What our sender and receiver reach without a network between them: so much a path cannot be seen to exceed. */
import { listening, measure, startServer } from './programs.js';
import type { BenchResult } from './results.js';
import type { SuiteEvents, SuiteOptions } from './suite.js';

const ADDRESS = '127.0.0.1';
const [SECONDS, PINGS] = [1, 200];

/** A suite's tests on loopback: short ones, and no search for rates. */
export function loopbackSuite(suite: SuiteOptions): SuiteOptions {
  const tests = suite.tests.filter((name) => name !== 'rate');
  return { ...suite, tests, seconds: Math.min(SECONDS, suite.seconds), pings: Math.min(PINGS, suite.pings) };
}

/** Measures this machine. @throws PodwireError as the tests do */
export async function measureLoopback(suite: SuiteOptions, events: SuiteEvents): Promise<BenchResult[]> {
  const server = startServer({ node: 'loopback', addresses: [ADDRESS], port: 0, pids: [] });
  try {
    const client = { address: ADDRESS, port: await listening(server), name: 'loopback', pids: [] };
    return await measure({ client, suite: loopbackSuite(suite) }, events);
  } finally {
    server.stdin?.end();
  }
}
