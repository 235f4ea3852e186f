/**
 * The local API: HTTP with JSON on a Unix socket that only the node's own user may open. It serves a `NodeApi` and knows
 * nothing else of the node.
 *
 * | request           | answer                                        |
 * |-------------------|-----------------------------------------------|
 * | GET /v1/status    | NodeStatus                                    |
 * | GET /v1/peers     | PeerStatus[]                                  |
 * | GET /v1/routes    | RouteStatus[]                                 |
 * | GET /v1/counters  | CounterReading                                |
 * | POST /v1/reload   | ReloadReport                                  |
 * | POST /v1/down     | `{}`, when what the node made is gone         |
 * | POST /v1/leave    | the same, its subnet given back before; `{"force": true}`: also under living pods |
 * | POST /v1/restart  | `{"successor": PID}`: a process that takes over, and does not carry yet |
 * | POST /v1/handover | `{}`, when all but the traffic is free for another process: `{"successor": PID}` |
 * | GET /v1/members   | MemberStatus[]                                |
 * | GET /v1/ipam      | IpamStatus                                    |
 * | GET /v1/keys      | KeyStatus[]                                   |
 * | POST /v1/keys/add | KeyStatus[]; the body is `{"key": "…"}`       |
 * | POST /v1/keys/use, /v1/keys/remove | the same; `{"id": "…"}`      |
 * | GET /v1/events    | NodeEvent[], the last few                     |
 * | GET /v1/events/stream | the same and all that come, a line each   |
 * | GET /v1/pods      | PodStatus[]                                   |
 * | POST /v1/pods/check, /v1/pods/repair | PodAudit                    |
 * | POST /v1/cni      | what the CNI plugin prints (cni-endpoint.ts)  |
 * | GET /metrics      | Prometheus text                               |
 *
 * Anything else is answered with `{code, message}` (ApiProblem) and a status of 400 or more.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { makeDirectory } from '../control/make-directory.js';
import type { NodeApi, NodeEvent } from '../control/node-api.js';
import { messageOf, PodwireError, type PodwireErrorCode } from '../wire/error.js';
import type { Answer } from './answer.js';
import { answerCni, CNI_BODY, CNI_PATH } from './cni-endpoint.js';
import type { NodeMetrics } from './metrics.js';
import { clearStaleSocket } from './stale-socket.js';

/** What an answer that is not a success says. */
export interface ApiProblem {
  readonly code: PodwireErrorCode | 'BAD_REQUEST' | 'NOT_FOUND' | 'METHOD_NOT_ALLOWED' | 'TOO_LARGE';
  readonly message: string;
}

/** Where no body is needed one of this size is read and ignored; a longer one is refused. */
const MAX_BODY = 64 * 1024;
/** A node's pods may all come at once, each by a plugin that waits for its answer; only the node's own user connects. */
const MAX_CONNECTIONS = 1024;
const MAX_PATH = 107;
const HEADERS_TIMEOUT = 2_000;
const REQUEST_TIMEOUT = 5_000;
/** Bytes of events that may wait for a reader; one that is slower than that is cut off. */
const MAX_BACKLOG = 1 << 20;
const EVENT_STREAM = '/v1/events/stream';

interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** Bytes of a body at most; MAX_BODY if not given. */
  readonly most?: number;
  readonly answer: (body: string, headers: IncomingHttpHeaders) => Promise<Answer>;
}

export class ApiServer {
  readonly #path: string;
  readonly #node: NodeApi;
  readonly #server: Server;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  #metrics: Promise<NodeMetrics> | undefined;
  /** Requests whose answers are not out yet. */
  #answering = 0;
  /** Streams of events, each with what ends its telling. */
  readonly #streams = new Map<ServerResponse, () => void>();
  #closed = false;

  constructor(node: NodeApi, path: string) {
    this.#path = path;
    this.#node = node;
    this.#endpoints = new Map<string, Endpoint>([
      ['/v1/status', { method: 'GET', answer: async () => json(200, node.status()) }],
      ['/v1/peers', { method: 'GET', answer: async () => json(200, node.peers()) }],
      ['/v1/routes', { method: 'GET', answer: async () => json(200, node.routes()) }],
      ['/v1/counters', { method: 'GET', answer: async () => json(200, node.counters()) }],
      ['/v1/reload', { method: 'POST', answer: async () => json(200, await node.reload()) }],
      ['/v1/down', { method: 'POST', answer: async () => json(200, (await node.down()) ?? {}) }],
      [
        '/v1/leave',
        { method: 'POST', answer: async (body) => json(200, (await node.leave(value(body, 'force') === true)) ?? {}) },
      ],
      ['/v1/restart', { method: 'POST', answer: async () => json(200, { successor: await node.restart() }) }],
      [
        '/v1/handover',
        { method: 'POST', answer: async (body) => json(200, (await node.handOver(number(body, 'successor'))) ?? {}) },
      ],
      ['/v1/members', { method: 'GET', answer: async () => json(200, node.members()) }],
      ['/v1/ipam', { method: 'GET', answer: async () => json(200, node.ipam()) }],
      ['/v1/keys', { method: 'GET', answer: async () => json(200, node.keys()) }],
      ['/v1/keys/add', { method: 'POST', answer: async (body) => json(200, await node.keyAdd(field(body, 'key'))) }],
      ['/v1/keys/use', { method: 'POST', answer: async (body) => json(200, await node.keyUse(field(body, 'id'))) }],
      [
        '/v1/keys/remove',
        { method: 'POST', answer: async (body) => json(200, await node.keyRemove(field(body, 'id'))) },
      ],
      ['/v1/events', { method: 'GET', answer: async () => json(200, node.recentEvents()) }],
      ['/v1/pods', { method: 'GET', answer: async () => json(200, await node.pods()) }],
      ['/v1/pods/check', { method: 'POST', answer: async () => json(200, await node.auditPods(false)) }],
      ['/v1/pods/repair', { method: 'POST', answer: async () => json(200, await node.auditPods(true)) }],
      [CNI_PATH, { method: 'POST', most: CNI_BODY, answer: (body, headers) => answerCni(node, body, headers) }],
      ['/metrics', { method: 'GET', answer: () => this.#scrape(node) }],
    ]);
    this.#server = createServer(
      { maxHeaderSize: 8192, connectionsCheckingInterval: REQUEST_TIMEOUT },
      (request, response) => {
        this.#serve(request, response).catch(() => response.destroy());
      },
    );
    this.#server.headersTimeout = HEADERS_TIMEOUT;
    this.#server.requestTimeout = REQUEST_TIMEOUT;
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('clientError', refuseGarbage);
  }

  /**
   * Makes the socket, and its directory if need be.
   * @throws PodwireError RUNNING: somebody answers there; MACHINE: it cannot be made. Nothing was changed.
   */
  async listen(): Promise<void> {
    try {
      checkLength(this.#path);
      await makeDirectory(dirname(this.#path));
      await clearStaleSocket(this.#path);
      await this.#bind();
    } catch (error) {
      if (error instanceof PodwireError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new PodwireError(
        'MACHINE',
        `the API socket ${this.#path} cannot be made (${code ?? message}): nothing was changed; choose another with --socket`,
        {
          cause: error,
        },
      );
    }
  }

  /** Binding happens within `listen`, so the socket never exists with another mode than 0600. */
  #bind(): Promise<void> {
    const umask = process.umask(0o177);
    try {
      return new Promise((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(this.#path, () => {
          this.#server.off('error', reject);
          resolve();
        });
      });
    } finally {
      process.umask(umask);
    }
  }

  /**
   * Removes the socket and takes no further requests. One that is being answered (as `down` is, when it ends the node)
   * still gets its answer; every other connection is cut.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#server.close();
    for (const [stream, stop] of this.#streams) {
      // Its reader may be slow: what happens from now on is not for it, though it has not closed yet.
      stop();
      stream.end();
    }
    this.#cutIfDone();
  }

  #cutIfDone(): void {
    if (!this.#server.listening && this.#answering === 0) this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET' && request.url === EVENT_STREAM) {
      this.#stream(response);
      return;
    }
    this.#answering++;
    response.once('close', () => {
      this.#answering--;
      this.#cutIfDone();
    });
    const { status, type, body, headers } = await this.#answer(request);
    const length = Buffer.byteLength(body);
    response.writeHead(status, { 'content-type': type, 'content-length': length, ...headers });
    response.end(body);
  }

  /** What happened lately, and from then on what happens, until the reader or the server goes. */
  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    // Its reader knows that it is heard, also where nothing has happened yet.
    response.flushHeaders();
    const tell = (event: NodeEvent) => {
      response.write(`${JSON.stringify(event)}\n`);
      if (response.writableLength > MAX_BACKLOG) response.destroy();
    };
    this.#node.recentEvents().forEach(tell);
    const stop = this.#node.onEvent(tell);
    this.#streams.set(response, stop);
    response.on('error', () => {}); // a reader that went away; `close` follows
    response.once('close', () => {
      stop();
      this.#streams.delete(response);
    });
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = request.url?.split('?', 1)[0] ?? '';
    // Its connection was made while another was being answered: this node is going, or another takes its place.
    if (this.#closed) return problem(503, 'NO_AGENT', 'this podwire takes no further requests');
    const endpoint = this.#endpoints.get(path);
    if (!endpoint) return problem(404, 'NOT_FOUND', `there is nothing at ${path.slice(0, 100)}`);
    if (request.method !== endpoint.method) {
      const answer = problem(405, 'METHOD_NOT_ALLOWED', `${path} takes ${endpoint.method}, not ${request.method}`);
      return { ...answer, headers: { allow: endpoint.method } };
    }
    const most = endpoint.most ?? MAX_BODY;
    const body = await takeBody(request, most);
    if (body === undefined) {
      const answer = problem(413, 'TOO_LARGE', `a body is at most ${most} bytes`);
      return { ...answer, headers: { connection: 'close' } };
    }
    try {
      return await endpoint.answer(body, request.headers);
    } catch (error) {
      const code = error instanceof PodwireError ? error.code : 'INTERNAL';
      return problem(STATUS[code] ?? 500, code, messageOf(error));
    }
  }

  /** The library for metrics is loaded at the first scrape: a node that nobody scrapes is spared it. */
  async #scrape(node: NodeApi): Promise<Answer> {
    this.#metrics ??= import('./metrics.js').then(({ NodeMetrics }) => new NodeMetrics(node));
    const metrics = await this.#metrics;
    return { status: 200, type: metrics.contentType, body: await metrics.render() };
  }
}

/** A longer path would be cut off silently, and be another socket's (`sun_path`, unix(7)). */
function checkLength(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH) return;
  throw new PodwireError(
    'MACHINE',
    `the API socket ${path} has a longer path than ${MAX_PATH} bytes: nothing was changed`,
  );
}

/** HTTP status of an error that the node throws; others are 500. */
const STATUS: Partial<Record<PodwireErrorCode, number>> = { CONFIG: 422, REFUSED: 409, NO_AGENT: 503 };

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function problem(status: number, code: ApiProblem['code'], message: string): Answer {
  return json(status, { code, message } satisfies ApiProblem);
}

/** Reads a body to its end; undefined if it is too long. */
async function takeBody(request: IncomingMessage, most: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > most) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

/** A value in a body of JSON; undefined: there is none of that name, or it is no JSON. */
function value(body: string, name: string): unknown {
  try {
    return (JSON.parse(body) as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}

/** @throws PodwireError CONFIG: there is no text of that name */
function field(body: string, name: string): string {
  const found = value(body, name);
  if (typeof found === 'string') return found;
  throw new PodwireError('CONFIG', `the body must be JSON with a text named ${name}: nothing was changed`);
}

/** @throws PodwireError CONFIG: there is no whole number of that name */
function number(body: string, name: string): number {
  const found = value(body, name);
  if (Number.isSafeInteger(found)) return found as number;
  throw new PodwireError('CONFIG', `the body must be JSON with a number named ${name}: nothing was changed`);
}

/** What is not HTTP, or comes too slowly, gets one answer and is cut off. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { body } = problem(400, 'BAD_REQUEST', 'this is not an HTTP request that podwire understands');
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
