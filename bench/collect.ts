/**
 * `collect.js`, in a host's namespace: for each line on its input the node there collects its main thread's heap as a whole,
 * and a line is answered. Node opens its inspector at a SIGUSR1; it is asked in masked text frames of a WebSocket (RFC 6455
 * §5.2). One for the node's life: to attach again and again would be measured too.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const BASE = 'http://127.0.0.1:9229';
/** The inspector opens a moment after the signal. */
const TRIES = 100;
const AGAIN = 50;

async function target(): Promise<string> {
  for (let left = TRIES; ; left--) {
    try {
      const [{ id }] = (await (await fetch(`${BASE}/json/list`)).json()) as { id: string }[];
      return id;
    } catch (error) {
      if (left === 0) throw error;
      await delay(AGAIN);
    }
  }
}

const asking = request(`${BASE}/${await target()}`, {
  headers: {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'bm8gc2VjcmV0IGhlcmUhIQ==',
  },
});
asking.end();
const [, socket] = (await once(asking, 'upgrade')) as [IncomingMessage, Socket];
for (const event of ['error', 'close']) socket.on(event, () => process.exit());

const question = Buffer.from('{"id":1,"method":"HeapProfiler.collectGarbage"}');
// A mask of zeros leaves the text as it is.
const frame = Buffer.concat([Buffer.of(0x81, 0x80 | question.length, 0, 0, 0, 0), question]);
createInterface({ input: process.stdin }).on('line', () => socket.write(frame));
socket.on('data', (chunk) => {
  if (chunk.includes('"id":1')) process.stdout.write('collected\n');
});
