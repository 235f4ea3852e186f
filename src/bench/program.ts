/**
 * A program for wherever a measurement has an end. What TCP brings is allocated as it comes, and the garbage collector's
 * work grows with what else lives in the process: so the ends are programs in which little does.
 *
 * `node program.js serve JSON`: serves as `ServeOrder` says.
 * `node program.js run JSON`: measures as `RunOrder` says, and ends.
 *
 * Both print an `Outcome` a line, an error as the last, and end with their standard input: so with who started them.
 */
import { ApiClient } from '../api/client.js';
import { overlayAddressTexts } from '../core/overlay-address.js';
import { PodwireError, type PodwireErrorCode } from '../wire/error.js';
import { BenchClient, type ClientOptions } from './client.js';
import type { BenchResult } from './results.js';
import { BenchServer, type ServerOptions } from './server.js';
import { runSuite, type SuiteOptions } from './suite.js';

export interface ServeOrder {
  readonly node: string;
  readonly addresses: readonly string[];
  /** 0: any that is free, the same for all addresses where there is one. */
  readonly port: number;
  /** Processes whose CPU time counts as the node's. */
  readonly pids: readonly number[];
  /** The socket of the running node whose peers are served; without one, whoever reaches the addresses is. */
  readonly socket?: string;
}

export interface RunOrder {
  readonly client: ClientOptions;
  readonly suite: SuiteOptions;
}

export type Outcome =
  | { readonly listening: number }
  | { readonly said: string }
  | { readonly progress: string }
  | { readonly result: BenchResult }
  | { readonly error: { readonly code: PodwireErrorCode; readonly message: string } };

const [role, order] = process.argv.slice(2);
process.stdin.on('end', () => process.exit()).resume();
process.stdout.on('error', () => process.exit()); // nobody reads any more
try {
  if (role === 'serve') await serve(JSON.parse(order) as ServeOrder);
  else await run(JSON.parse(order) as RunOrder);
} catch (error) {
  const code = error instanceof PodwireError ? error.code : 'INTERNAL';
  tell({ error: { code, message: (error as Error).message } });
  process.exitCode = 1;
  process.stdin.destroy();
}

async function serve({ node, addresses, port, pids, socket }: ServeOrder): Promise<void> {
  const admit = socket === undefined ? async (address: string) => address : peersOf(new ApiClient(socket));
  const server = new BenchServer({ node, admit, pids, say: (words) => tell({ said: words }) });
  let bound = port;
  for (const address of addresses) bound = await server.listen(address, port);
  tell({ listening: bound });
}

/** Who is a peer is asked anew each time: nodes come and go. */
function peersOf(api: ApiClient): ServerOptions['admit'] {
  return async (address) =>
    (await api.peers()).find(({ podCidr }) => overlayAddressTexts(podCidr).includes(address))?.node;
}

async function run({ client: options, suite }: RunOrder): Promise<void> {
  const client = await BenchClient.connect(options);
  try {
    await runSuite(client, suite, {
      progress: (words) => tell({ progress: words }),
      result: (result) => tell({ result }),
    });
  } finally {
    client.close();
  }
  process.stdin.destroy();
}

function tell(outcome: Outcome): void {
  console.log(JSON.stringify(outcome));
}
