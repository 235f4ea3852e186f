/** The other end of the local API (server.ts): what the commands, and programs on this machine, ask a running node with. */
import { request } from 'node:http';
import type { CounterReading, NodeStatus, PeerStatus, ReloadReport, RouteStatus } from '../control/node-api.js';
import { PodwireError, type PodwireErrorCode } from '../wire/error.js';

const TIMEOUT = 10_000;

/** Codes of answers that are about the node, and are thrown here as they were there. */
const NODE_CODES: readonly PodwireErrorCode[] = ['CONFIG', 'MACHINE', 'NO_AGENT', 'EDGE_LOST', 'TABLE_FULL'];

/** Every call throws PodwireError: NO_AGENT where nobody answers, MACHINE where this user may not ask. */
export class ApiClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  status(): Promise<NodeStatus> {
    return this.#json('GET', '/v1/status');
  }

  peers(): Promise<PeerStatus[]> {
    return this.#json('GET', '/v1/peers');
  }

  routes(): Promise<RouteStatus[]> {
    return this.#json('GET', '/v1/routes');
  }

  counters(): Promise<CounterReading> {
    return this.#json('GET', '/v1/counters');
  }

  /** Throws PodwireError CONFIG if the new configuration cannot be applied: nothing was changed. */
  reload(): Promise<ReloadReport> {
    return this.#json('POST', '/v1/reload');
  }

  /** Resolves when what the node made is gone. */
  async down(): Promise<void> {
    await this.#json('POST', '/v1/down');
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    const { status, text } = await this.#ask('GET', '/metrics');
    if (status !== 200) throw this.#refusal(status, text);
    return text;
  }

  async #json<T>(method: string, path: string): Promise<T> {
    const { status, text } = await this.#ask(method, path);
    if (status !== 200) throw this.#refusal(status, text);
    return this.#parse(text) as T;
  }

  #ask(method: string, path: string): Promise<{ status: number; text: string }> {
    const socketPath = this.#socketPath;
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath, method, path, agent: false, timeout: TIMEOUT }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (error) => reject(this.#unreachable(error)));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
        });
      });
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${TIMEOUT / 1000} seconds`)));
      asked.on('error', (error) => reject(this.#unreachable(error)));
      asked.end();
    });
  }

  #unreachable(error: NodeJS.ErrnoException): PodwireError {
    const path = this.#socketPath;
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
      return new PodwireError(
        'NO_AGENT',
        `no podwire answers on ${path}: is podwire up running? If it has another socket, name it with --socket, or its file with --config`,
        {
          cause: error,
        },
      );
    }
    if (error.code === 'EACCES' || error.code === 'EPERM') {
      return new PodwireError(
        'MACHINE',
        `this user may not ask the podwire on ${path}: only the user that runs it may, try sudo`,
        {
          cause: error,
        },
      );
    }
    return new PodwireError('NO_AGENT', `the podwire on ${path} did not answer: ${error.message}`, { cause: error });
  }

  #refusal(status: number, text: string): PodwireError {
    const { code, message } = this.#parse(text) as { code?: unknown; message?: unknown };
    const known = NODE_CODES.find((one) => one === code) ?? 'INTERNAL';
    const words = typeof message === 'string' ? message : `the podwire on ${this.#socketPath} answered ${status}`;
    return new PodwireError(known, words);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text) ?? {};
    } catch (error) {
      throw new PodwireError('INTERNAL', `what answers on ${this.#socketPath} is no podwire`, { cause: error });
    }
  }
}
