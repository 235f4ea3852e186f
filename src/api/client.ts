/** The other end of the local API (server.ts): what the commands, and programs on this machine, ask a running node with. */
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type {
  CounterReading,
  IpamStatus,
  KeyStatus,
  MemberStatus,
  NodeEvent,
  NodeStatus,
  PeerStatus,
  PodAudit,
  PodStatus,
  ReloadReport,
  RouteStatus,
} from '../control/node-api.js';
import { PodwireError, type PodwireErrorCode } from '../wire/error.js';

const TIMEOUT = 10_000;

/** Codes of answers that are about the node, and are thrown here as they were there. */
const NODE_CODES: readonly PodwireErrorCode[] = [
  'CONFIG',
  'MACHINE',
  'TIMED_OUT',
  'REFUSED',
  'NO_AGENT',
  'EDGE_LOST',
  'TABLE_FULL',
];

/** Every call throws PodwireError: NO_AGENT where nobody answers, MACHINE where this user may not ask. */
export class ApiClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
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

  /** The same, its subnet given back before. @param force also while pods live in it */
  async leave(force = false): Promise<void> {
    await this.#json('POST', '/v1/leave', { force });
  }

  /** @returns the number of a process that is to take over from the one that runs */
  async restart(): Promise<number> {
    const { successor } = await this.#json<{ successor: number }>('POST', '/v1/restart');
    return successor;
  }

  /** Resolves when all but the traffic is free for another process. @param successor its number */
  async handOver(successor: number): Promise<void> {
    await this.#json('POST', '/v1/handover', { successor });
  }

  members(): Promise<MemberStatus[]> {
    return this.#json('GET', '/v1/members');
  }

  ipam(): Promise<IpamStatus> {
    return this.#json('GET', '/v1/ipam');
  }

  pods(): Promise<PodStatus[]> {
    return this.#json('GET', '/v1/pods');
  }

  /** @param repair puts in order what is podwire's */
  auditPods(repair: boolean): Promise<PodAudit> {
    return this.#json('POST', repair ? '/v1/pods/repair' : '/v1/pods/check');
  }

  keys(): Promise<KeyStatus[]> {
    return this.#json('GET', '/v1/keys');
  }

  /** Throws PodwireError CONFIG or REFUSED: nothing was changed; so do the next two. @param key base64 of 32 bytes */
  keyAdd(key: string): Promise<KeyStatus[]> {
    return this.#json('POST', '/v1/keys/add', { key });
  }

  /** @param id eight hexadecimal digits */
  keyUse(id: string): Promise<KeyStatus[]> {
    return this.#json('POST', '/v1/keys/use', { id });
  }

  keyRemove(id: string): Promise<KeyStatus[]> {
    return this.#json('POST', '/v1/keys/remove', { id });
  }

  /** The last few, oldest first. */
  events(): Promise<NodeEvent[]> {
    return this.#json('GET', '/v1/events');
  }

  /** The last few and all that come. Ends when the node does, or with the signal. */
  async *followEvents(signal: AbortSignal): AsyncGenerator<NodeEvent> {
    try {
      const response = await this.#open('GET', '/v1/events/stream', { signal });
      if (response.statusCode !== 200) throw this.#refusal(response.statusCode ?? 0, await text(response));
      for await (const line of createInterface({ input: response })) yield this.#parse(line) as NodeEvent;
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof PodwireError ? error : this.#unreachable(error as NodeJS.ErrnoException);
    }
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    const { status, text } = await this.#ask('GET', '/metrics');
    if (status !== 200) throw this.#refusal(status, text);
    return text;
  }

  async #json<T>(method: string, path: string, body?: object): Promise<T> {
    const { status, text } = await this.#ask(method, path, body);
    if (status !== 200) throw this.#refusal(status, text);
    return this.#parse(text) as T;
  }

  async #ask(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    const response = await this.#open(method, path, { timeout: TIMEOUT, ...(body && { body: JSON.stringify(body) }) });
    const answer = await text(response).catch((error) => Promise.reject(this.#unreachable(error)));
    return { status: response.statusCode ?? 0, text: answer };
  }

  /** Resolves when the answer begins. */
  #open(
    method: string,
    path: string,
    { body = '', timeout, signal }: { body?: string; timeout?: number; signal?: AbortSignal },
  ): Promise<IncomingMessage> {
    const options = { socketPath: this.socketPath, method, path, agent: false, ...(signal && { signal }) };
    return new Promise((resolve, reject) => {
      const asked = request(options, resolve);
      if (timeout !== undefined) {
        asked.setTimeout(timeout, () => asked.destroy(new Error(`no answer within ${timeout / 1000} seconds`)));
      }
      asked.on('error', (error) => reject(this.#unreachable(error)));
      asked.end(body);
    });
  }

  #unreachable(error: NodeJS.ErrnoException): PodwireError {
    const path = this.socketPath;
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
    const words = typeof message === 'string' ? message : `the podwire on ${this.socketPath} answered ${status}`;
    return new PodwireError(known, words);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text) ?? {};
    } catch (error) {
      throw new PodwireError('INTERNAL', `what answers on ${this.socketPath} is no podwire`, { cause: error });
    }
  }
}
