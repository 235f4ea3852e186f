/** What one node has, and no other: its name, its addresses, its MAC, its pod subnets. Who has it first. Pure. */
import { type Family, type Prefix, prefixOf } from '../wire/address.js';

/** Values that are equal or apart. */
export class Owners<T> {
  readonly #first = new Map<string, T>();

  /** @returns another who has it already: it stays his */
  claim(value: string, owner: T): T | undefined {
    const first = this.#first.get(value);
    if (first === undefined) this.#first.set(value, owner);
    return first === owner ? undefined : first;
  }
}

/** A prefix, and whose it is. */
export interface OwnedPrefix<T> {
  readonly owner: T;
  readonly prefix: Prefix;
}

/**
 * Prefixes are apart, or one holds the other. Who holds one is looked up once for each length that there is: few, where
 * there are many prefixes.
 */
export class PrefixOwners<T> {
  readonly #first = new Map<string, OwnedPrefix<T>>();
  /** The shortest first. */
  readonly #lengths: Record<Family, number[]> = { 4: [], 6: [] };

  add(prefix: Prefix, owner: T): void {
    const key = keyOf(prefix);
    if (!this.#first.has(key)) this.#first.set(key, { owner, prefix });
    const lengths = this.#lengths[prefix.family];
    if (lengths.includes(prefix.length)) return;
    lengths.push(prefix.length);
    lengths.sort((one, other) => one - other);
  }

  /** The largest that holds all of this prefix and is another's; of two that are the same, the one that came first. */
  holder(prefix: Prefix, owner: T): OwnedPrefix<T> | undefined {
    for (const length of this.#lengths[prefix.family]) {
      if (length > prefix.length) return undefined;
      const found = this.#first.get(keyOf(prefixOf(prefix, length)));
      if (found && found.owner !== owner) return found;
    }
    return undefined;
  }
}

function keyOf({ family, words, length }: Prefix): string {
  return `${family} ${length} ${words[0]} ${words[1]} ${words[2]} ${words[3]}`;
}
