/** Over which addresses members reach each other. Pure. */
import type { NodeId } from '../../core/swim/types.js';
import { reachable, sharedFamilies } from '../../core/underlay.js';
import type { Family } from '../../wire/address.js';
import type { Statement } from '../../wire/gossip/statement.js';
import type { Endpoint } from '../config/node-config.js';

export class Ways {
  readonly #self: NodeId;
  readonly #statementOf: (node: NodeId) => Statement | undefined;
  /** Where a node was not reached over the first family, and was over the other. */
  readonly #avoided = new Map<NodeId, Family>();

  /** @param statementOf what a member, or this node itself, says of itself */
  constructor(self: NodeId, statementOf: (node: NodeId) => Statement | undefined) {
    this.#self = self;
    this.#statementOf = statementOf;
  }

  /** Where this node reaches a member, the way that is to be taken first; empty: there is none. */
  to(node: NodeId): Endpoint[] {
    const [own, theirs] = [this.#statementOf(this.#self), this.#statementOf(node)];
    if (!own || !theirs) return [];
    const avoided = this.#avoided.get(node);
    const addresses = reachable(own.underlay, theirs.underlay, avoided === undefined ? [] : [avoided]);
    return addresses.map((address) => ({ address, port: theirs.gossipPort }));
  }

  /** Whether two nodes have a family in common, as far as is known. */
  linked(one: NodeId, other: NodeId): boolean {
    const [a, b] = [this.#statementOf(one), this.#statementOf(other)];
    return !a || !b || sharedFamilies(a.underlay, b.underlay).length > 0;
  }

  /** The other family, if there is one, goes before this one until that is avoided. */
  avoid(node: NodeId, family: Family): void {
    this.#avoided.set(node, family);
  }

  /** It is gone, or may be somewhere else now. */
  forget(node: NodeId): void {
    this.#avoided.delete(node);
  }
}

export function endpointsOf({ underlay, gossipPort }: Pick<Statement, 'underlay' | 'gossipPort'>): Endpoint[] {
  return underlay.map((address) => ({ address, port: gossipPort }));
}
