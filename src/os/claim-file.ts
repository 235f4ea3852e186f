/**
 * The subnet that a node holds, kept over a restart, with the time at which the node last was part of its cluster. A note
 * of another range or of another size of blocks is none.
 */
import { join } from 'node:path';
import { type Claim, LAST_EPOCH } from '../core/ipam/claim.js';
import { visible } from '../core/visible.js';
import { formatPrefix, type Prefix, parsePrefix } from '../wire/address.js';
import { deleteFile, readIfThere, writeDurably } from './state-dir.js';

export interface KeptClaim extends Claim {
  /** When it was last held, ms since 1970. */
  readonly seen: number;
}

/** What was read; with a warning there is no claim, and the words say why. */
export interface ClaimReading {
  readonly claim?: KeptClaim;
  readonly warning?: string;
}

export class ClaimFile {
  readonly #file: string;
  /** What a claim only makes sense with. */
  readonly #cluster: string;

  constructor(stateDir: string, clusterCidr: readonly Prefix[], podPrefix: Readonly<Record<4 | 6, number>>) {
    this.#file = join(stateDir, 'claim');
    this.#cluster = clusterCidr.map((range) => `${formatPrefix(range)} /${podPrefix[range.family]}`).join(', ');
  }

  async read(): Promise<ClaimReading> {
    const text = await readIfThere(this.#file);
    if (text === undefined) return {};
    const kept = parse(text);
    if (!kept) return { warning: `${this.#file} is damaged: the node claims a subnet anew` };
    if (kept.cluster !== this.#cluster) {
      return {
        warning: `${this.#file} is of the cluster range ${visible(kept.cluster)}: the node claims a subnet anew`,
      };
    }
    return { claim: kept.claim };
  }

  /**
   * @param seen ms since 1970
   * @throws PodwireError MACHINE: it cannot be written; what was there before still is
   */
  async write({ podCidr, epoch }: Claim, seen: number): Promise<void> {
    const text = JSON.stringify({ podCidr: podCidr.map(formatPrefix), epoch, cluster: this.#cluster, seen });
    await writeDurably(this.#file, `${text}\n`);
  }

  /** The subnet was given back. */
  async delete(): Promise<void> {
    await deleteFile(this.#file);
  }
}

function parse(text: string): { claim: KeptClaim; cluster: string } | undefined {
  try {
    const { podCidr, epoch, cluster, seen } = JSON.parse(text) as Record<string, unknown>;
    if (!Array.isArray(podCidr) || typeof cluster !== 'string') return undefined;
    if (typeof epoch !== 'number' || !Number.isInteger(epoch) || epoch < 1 || epoch > LAST_EPOCH) return undefined;
    if (typeof seen !== 'number' || !Number.isSafeInteger(seen)) return undefined;
    const prefixes = podCidr.map((prefix) => (typeof prefix === 'string' ? parsePrefix(prefix) : 'not text'));
    const valid = prefixes.filter((prefix) => typeof prefix !== 'string');
    if (valid.length === 0 || valid.length < prefixes.length) return undefined;
    return { claim: { podCidr: valid, epoch, seen }, cluster };
  } catch {
    return undefined; // not JSON
  }
}
