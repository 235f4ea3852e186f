/** Where nodes to join are at present: names are looked up anew each time, over both families. */
import { lookup } from 'node:dns/promises';
import type { Endpoint, Seed } from '../control/config/node-config.js';
import { parseAddress } from '../wire/address.js';

/** A resolver that hangs keeps nobody waiting for longer than this, ms; the lookup goes on, and serves who asks next. */
const PATIENCE = 2_000;

/** All addresses of a host, in words. @throws Error: it has none */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface SeedResolverOptions {
  /** Called when a name has no address, once until it has one again. */
  readonly onFailure: (words: string) => void;
  readonly lookup?: Lookup;
  readonly patienceMs?: number;
}

export class SeedResolver {
  readonly #options: SeedResolverOptions;
  /** One lookup of a name at a time. */
  readonly #pending = new Map<string, Promise<readonly string[]>>();
  readonly #failed = new Set<string>();

  constructor(options: SeedResolverOptions) {
    this.#options = options;
  }

  /** The seed itself, or wherever its name leads; empty if that is nowhere now. Never rejects. */
  async resolve(seed: Seed): Promise<readonly Endpoint[]> {
    if (!('host' in seed)) return [seed];
    const { host, port } = seed;
    try {
      const texts = await this.#inTime(host);
      const addresses = texts.flatMap((text) => parseAddress(text.replace(/%.*$/, '')) ?? []);
      if (addresses.length === 0) throw new Error('it has no address');
      this.#failed.delete(host);
      return addresses.map((address) => ({ address, port }));
    } catch (error) {
      if (!this.#failed.has(host)) this.#options.onFailure(`join: ${host} cannot be looked up: ${reasonOf(error)}`);
      this.#failed.add(host);
      return [];
    }
  }

  #inTime(host: string): Promise<readonly string[]> {
    const { patienceMs = PATIENCE } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer in ${patienceMs / 1000} s`)), patienceMs);
      this.#look(host)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  #look(host: string): Promise<readonly string[]> {
    const { lookup = lookupAll } = this.#options;
    const pending = this.#pending.get(host);
    if (pending) return pending;
    const looking = lookup(host).finally(() => this.#pending.delete(host));
    this.#pending.set(host, looking);
    return looking;
  }
}

async function lookupAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOTFOUND' ? 'no such name' : code === 'EAI_AGAIN' ? 'no name server answers' : message;
}
