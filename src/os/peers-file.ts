/** Nodes that were seen, kept over a restart: whom to ask to join when those of the configuration are gone. */
import { join } from 'node:path';
import { formatEndpoint, parseEndpoint } from '../control/config/endpoint.js';
import type { Endpoint } from '../control/config/node-config.js';
import { readIfThere, writeDurably } from './state-dir.js';

/** So many are kept; any of them leads to all. */
const MOST = 256;

export class PeersFile {
  readonly #file: string;
  #written = '';

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'peers');
  }

  /** Lines that are no address and port are passed over: nothing but a hint is lost with them. */
  async read(): Promise<Endpoint[]> {
    this.#written = (await readIfThere(this.#file)) ?? '';
    return this.#written.split('\n').flatMap((line) => {
      const endpoint = parseEndpoint(line);
      if (typeof endpoint === 'string' || endpoint.port === undefined || 'host' in endpoint) return [];
      return [{ address: endpoint.address, port: endpoint.port }];
    });
  }

  /**
   * Who is alone keeps what it knew: it is then that it is needed.
   * @throws PodwireError MACHINE: it cannot be written; what was there before still is
   */
  async write(endpoints: readonly Endpoint[]): Promise<void> {
    if (endpoints.length === 0) return;
    const lines = endpoints.slice(0, MOST).map(formatEndpoint).sort();
    const text = lines.map((line) => `${line}\n`).join('');
    if (text === this.#written) return;
    await writeDurably(this.#file, text);
    this.#written = text;
  }
}
