/**
 * A program for places where a measurement has an end: hosts of a lab, and loopback.
 *
 * `node program.js serve ADDRESS NODE PID…`: serves whoever reaches the address, prints `listening PORT`, ends with its
 * standard input. The processes' CPU time counts as the node's.
 * `node program.js run JSON`: measures as `RunOrder` says, prints an `Outcome` a line; ends with 1 and one line on
 * standard error if it fails.
 */
import { BenchClient, type ClientOptions } from './client.js';
import type { BenchResult } from './results.js';
import { BenchServer } from './server.js';
import { runSuite, type SuiteOptions } from './suite.js';

export interface RunOrder {
  readonly client: ClientOptions;
  readonly suite: SuiteOptions;
}

export type Outcome = { readonly progress: string } | { readonly result: BenchResult };

const [role, ...words] = process.argv.slice(2);
if (role === 'serve') await serve(words[0], words[1], words.slice(2).map(Number));
else await run(JSON.parse(words[0]) as RunOrder);

async function serve(address: string, node: string, pids: readonly number[]): Promise<void> {
  const server = new BenchServer({ node, admit: async (client) => client, pids, say: () => {} });
  const port = await server.listen(address, 0);
  console.log(`listening ${port}`);
  process.stdin.on('end', () => process.exit()).resume();
}

async function run({ client: options, suite }: RunOrder): Promise<void> {
  let client: BenchClient | undefined;
  try {
    client = await BenchClient.connect(options);
    await runSuite(client, suite, {
      progress: (words) => tell({ progress: words }),
      result: (result) => tell({ result }),
    });
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    client?.close();
  }
}

function tell(outcome: Outcome): void {
  console.log(JSON.stringify(outcome));
}
