/**
 * A program for hosts and pods: asks echo servers (src/lab/echo.ts) which address they see.
 *
 * `node ask.js PORT ADDRESS…`: prints one JSON array with an `Answer` for each address, in their order.
 */
import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Answer {
  /** Our own address, as our kernel chose it. */
  readonly own: string;
  /** What the other side sees; empty without an answer. */
  readonly seen: string;
  /** Time to connect: one round trip, milliseconds. */
  readonly rttMs: number;
}

/** A lost SYN or neighbour solicitation is sent again after a second: one loss must not look like silence. */
const PATIENCE = 2_500;

async function ask(port: number, host: string): Promise<Answer> {
  const started = performance.now();
  const socket = createConnection({ host, port });
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no answer')));
  let own = '';
  let rttMs = 0;
  socket.once('connect', () => {
    rttMs = performance.now() - started;
    own = socket.localAddress ?? '';
  });
  try {
    return { seen: await text(socket), own, rttMs };
  } catch {
    return { seen: '', own, rttMs };
  }
}

const [port, ...addresses] = process.argv.slice(2);
console.log(JSON.stringify(await Promise.all(addresses.map((address) => ask(Number(port), address)))));
