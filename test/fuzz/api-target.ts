/**
 * Mutated HTTP requests to the local API: whatever comes, the connection gets answers that HTTP knows, or ends; a good
 * request beside it is answered as ever.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../src/api/client.js';
import { ApiServer } from '../../src/api/server.js';
import { FakeNode } from '../unit/api/fake-node.js';
import type { Mutator } from './mutate.js';
import { decoder, type Target } from './target.js';

const BODY = '{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}';
const REQUESTS = [
  'GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'GET /metrics?x=1 HTTP/1.0\r\n\r\n',
  `POST /v1/keys/add HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
  `POST /v1/keys/use HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
  'GET /v1/peers HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/reload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n',
].map((text) => Buffer.from(text));

export async function apiTarget(share: number, tools: Mutator): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-fuzz-'));
  const path = join(folder, 'a.sock');
  const node = new FakeNode();
  const server = new ApiServer(node, path);
  await server.listen();
  let requests = 0;
  const run = async (input: Buffer): Promise<string> => {
    const answer = await ask(path, input);
    node.asked.length = 0;
    if (answer !== '' && !/^HTTP\/1\.1 \d{3} /.test(answer)) throw new Error(`an answer that is not HTTP: ${answer}`);
    if (/^HTTP\/1\.1 500 /.test(answer)) throw new Error(`an answer for a fault of ours: ${answer}`);
    if (++requests % 20 === 0 && (await new ApiClient(path).status()).node !== 'alpha')
      throw new Error('another answer');
    return answer === '' ? 'none' : `${answer[9]} ${answer.slice(10, 12)}`;
  };
  const target = decoder('API', share, REQUESTS, run, tools);
  target.close = async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return target;
}

/** Everything that comes back for these bytes, when we have said all. */
function ask(path: string, input: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', () => {});
    // An event stream has no end of its own.
    socket.setTimeout(500, () => socket.destroy());
    socket.on('close', () => resolve(answer));
    socket.end(input);
  });
}
