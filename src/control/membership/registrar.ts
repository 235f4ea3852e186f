/**
 * Who may be who. The ring key admits a node to the gossip, its identity owns what it says: a name belongs to the first
 * identity that was seen with it until its node is forgotten, an address to the living node that has it, and a subnet
 * that was configured by hand is never taken from somebody present (subnets that were claimed are settled among the
 * claims themselves, src/core/ipam). Pure.
 */
import type { NodeId } from '../../core/swim/types.js';
import { formatPrefix, type Prefix, prefixesOverlap } from '../../wire/address.js';
import type { SignedStatement, Statement } from '../../wire/gossip/statement.js';
import { formatEndpoint } from '../config/endpoint.js';

/** Why a card is refused, in words for the log and for the node that is refused. */
export interface Refusal {
  readonly what: 'name' | 'address' | 'subnet';
  readonly words: string;
}

/** A member as far as it has to be known here. */
export interface Holder {
  readonly statement: Statement;
  /** Alive and not suspected: it holds its address. */
  readonly alive: boolean;
  /** Alive or suspected: it holds its subnet. */
  readonly present: boolean;
}

export class Registrar {
  readonly #holders = new Map<NodeId, Holder>();
  readonly #byEndpoint = new Map<string, NodeId>();

  /** A member has come, or changed its card or its state. */
  set(node: NodeId, card: SignedStatement, state: { alive: boolean; present: boolean }): void {
    this.delete(node);
    this.#holders.set(node, { statement: card.statement, ...state });
    if (state.alive) for (const endpoint of endpointTexts(card.statement)) this.#byEndpoint.set(endpoint, node);
  }

  delete(node: NodeId): void {
    const holder = this.#holders.get(node);
    if (!holder) return;
    this.#holders.delete(node);
    for (const endpoint of endpointTexts(holder.statement)) {
      if (this.#byEndpoint.get(endpoint) === node) this.#byEndpoint.delete(endpoint);
    }
  }

  /** What stands against this card; undefined: nothing. */
  refusal(node: NodeId, card: SignedStatement, known: SignedStatement | undefined): Refusal | undefined {
    const { statement } = card;
    if (known && !sameIdentity(known.statement, statement)) {
      return {
        what: 'name',
        words: `the name ${statement.node} belongs to another identity`,
      };
    }
    for (const endpoint of endpointTexts(statement)) {
      const id = this.#byEndpoint.get(endpoint);
      const neighbour = id === undefined || id === node ? undefined : this.#holders.get(id);
      if (!neighbour || sameIdentity(neighbour.statement, statement)) continue;
      return { what: 'address', words: `${endpoint} is the address of ${neighbour.statement.node}, which is alive` };
    }
    // A subnet written down by hand; one that was known before is no attempt to take any.
    if (statement.epoch !== 0 || statement.podCidr.length === 0 || (known && sameSubnets(known.statement, statement))) {
      return undefined;
    }
    for (const [other, { statement: theirs, present }] of this.#holders) {
      if (other === node || !present || sameIdentity(theirs, statement)) continue;
      const overlap = overlapping(statement.podCidr, theirs.podCidr);
      if (overlap) return { what: 'subnet', words: `${formatPrefix(overlap)} overlaps the subnet of ${theirs.node}` };
    }
    return undefined;
  }
}

function sameIdentity(one: Statement, other: Statement): boolean {
  return Buffer.compare(one.publicKey, other.publicKey) === 0;
}

function sameSubnets(one: Statement, other: Statement): boolean {
  return one.podCidr.map(formatPrefix).join() === other.podCidr.map(formatPrefix).join();
}

function overlapping(ours: readonly Prefix[], theirs: readonly Prefix[]): Prefix | undefined {
  return ours.find((prefix) => theirs.some((other) => prefixesOverlap(prefix, other)));
}

function endpointTexts({ underlay, gossipPort }: Statement): string[] {
  return underlay.map((address) => formatEndpoint({ address, port: gossipPort }));
}
