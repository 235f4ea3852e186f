/**
 * Between the wire, where nodes have names and cards are bytes, and the protocol, where both are numbers. What comes in is
 * taken only as far as it is vouched for: a name gets a number with a card that its identity has signed.
 */
import { NO_NODE, type NodeDirectory } from '../../core/swim/node-directory.js';
import type { MemberRecord, Packet, Probe, Update } from '../../core/swim/types.js';
import type { NamedPacket, NamedProbe, NamedUpdate } from '../../wire/gossip/packet.js';
import type { SignedStatement } from '../../wire/gossip/statement.js';
import type { NamedRecord } from '../../wire/gossip/stream.js';

/** Was this card signed by the identity that it names? */
export type Verify = (card: SignedStatement) => boolean;

export class Names {
  readonly directory: NodeDirectory;
  readonly #verify: Verify;

  constructor(directory: NodeDirectory, verify: Verify) {
    this.directory = directory;
    this.#verify = verify;
  }

  packetIn(packet: NamedPacket): Packet<SignedStatement> {
    const { from, probe, updates } = packet;
    return {
      from: this.directory.find(from),
      ...(probe && { probe: this.#probeIn(probe) }),
      updates: updates.flatMap((update) => this.#updateIn(update, from)),
    };
  }

  packetOut(packet: Packet<SignedStatement>): NamedPacket {
    const { from, probe, updates } = packet;
    return {
      from: this.directory.name(from),
      ...(probe && { probe: this.#probeOut(probe) }),
      updates: updates.map((update) => this.updateOut(update)),
    };
  }

  recordIn(record: NamedRecord): MemberRecord<SignedStatement>[] {
    const { card, state, incarnation, ageMs } = record;
    if (!this.#verify(card)) return [];
    return [{ node: this.directory.intern(card.statement.node), state, incarnation, card, ageMs }];
  }

  recordOut({ card, state, incarnation, ageMs }: MemberRecord<SignedStatement>): NamedRecord {
    return { card, state, incarnation, ageMs };
  }

  updateOut(update: Update<SignedStatement>): NamedUpdate {
    const { directory } = this;
    switch (update.kind) {
      case 'alive':
        return { kind: 'alive', card: update.card };
      case 'left':
        return { kind: 'left', node: directory.name(update.node), incarnation: update.incarnation };
      default:
        return {
          kind: update.kind,
          node: directory.name(update.node),
          incarnation: update.incarnation,
          from: directory.name(update.from),
        };
    }
  }

  /** @param teller stands for an accuser that has no number here: an accusation is passed on with a name */
  #updateIn(update: NamedUpdate, teller: string): Update<SignedStatement>[] {
    if (update.kind === 'alive') {
      const { card } = update;
      if (!this.#verify(card)) return [];
      const node = this.directory.intern(card.statement.node);
      return [{ kind: 'alive', node, incarnation: card.statement.incarnation, card }];
    }
    const node = this.directory.find(update.node);
    if (node === NO_NODE) return [];
    if (update.kind === 'left') return [{ kind: 'left', node, incarnation: update.incarnation }];
    const from = [update.from, teller].map((name) => this.directory.find(name)).find((id) => id !== NO_NODE);
    return from === undefined ? [] : [{ kind: update.kind, node, incarnation: update.incarnation, from }];
  }

  #probeIn(probe: NamedProbe): Probe {
    return 'target' in probe ? { ...probe, target: this.directory.find(probe.target) } : probe;
  }

  #probeOut(probe: Probe): NamedProbe {
    return 'target' in probe ? { ...probe, target: this.directory.name(probe.target) } : probe;
  }
}
