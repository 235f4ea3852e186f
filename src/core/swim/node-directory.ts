/** Names of nodes, each with a small number: what tables and messages inside the process use instead of the name. */
import type { NodeId } from './types.js';

/** Stands for a node that has no number. */
export const NO_NODE: NodeId = -1;

export class NodeDirectory {
  readonly #ids = new Map<string, NodeId>();
  readonly #names: (string | undefined)[] = [];
  readonly #free: NodeId[] = [];

  /** The name's number; it gets one if it has none. Only names that are vouched for may come here: each takes memory. */
  intern(name: string): NodeId {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#free.pop() ?? this.#names.length;
    this.#ids.set(name, id);
    this.#names[id] = name;
    return id;
  }

  /** The name's number, `NO_NODE` if it has none. */
  find(name: string): NodeId {
    return this.#ids.get(name) ?? NO_NODE;
  }

  /** @returns empty for a number that is nobody's */
  name(id: NodeId): string {
    return this.#names[id] ?? '';
  }

  /** Gives the number back; nothing may refer to it any more. */
  release(id: NodeId): void {
    const name = this.#names[id];
    if (name === undefined) return;
    this.#ids.delete(name);
    this.#names[id] = undefined;
    this.#free.push(id);
  }
}
