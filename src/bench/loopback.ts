/** What our sender and receiver reach without a network between them: so much a path cannot be seen to exceed. */
import { spawn } from 'node:child_process';
import { BenchClient } from './client.js';
import { listening, serveCommand } from './programs.js';
import type { BenchResult } from './results.js';
import { runSuite, type SuiteEvents, type SuiteOptions } from './suite.js';

const ADDRESS = '127.0.0.1';
const [SECONDS, PINGS] = [1, 200];

/** A suite's tests on loopback: short ones, and no search for rates. */
export function loopbackSuite(suite: SuiteOptions): SuiteOptions {
  const tests = suite.tests.filter((name) => name !== 'rate');
  return { ...suite, tests, seconds: Math.min(SECONDS, suite.seconds), pings: Math.min(PINGS, suite.pings) };
}

/** Measures this machine, this process against one of its children. @throws PodwireError as the tests do */
export async function measureLoopback(suite: SuiteOptions, events?: SuiteEvents): Promise<BenchResult[]> {
  // It ends with its standard input, whatever becomes of this process.
  const [program, ...words] = serveCommand(ADDRESS, 'loopback', []);
  const server = spawn(program, words, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const port = await listening(server);
    const client = await BenchClient.connect({ address: ADDRESS, port, name: 'loopback', pids: [] });
    try {
      return await runSuite(client, loopbackSuite(suite), events);
    } finally {
      client.close();
    }
  } finally {
    server.kill('SIGKILL');
  }
}
