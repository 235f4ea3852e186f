import type { Members } from './members.js';
import { retransmitLimit, type SwimProfile } from './profile.js';
import type { Card, NodeId, Probe, SwimOutputs, SwimTools, Update } from './types.js';

/** Shared by all packets that carry no news. */
const NO_UPDATES: readonly never[] = [];

/** Packs packets: what is asked or answered, and with it as much news as there is room for. */
export class Outbox<C extends Card> {
  readonly #members: Members<C>;
  readonly #profile: SwimProfile;
  readonly #tools: SwimTools<C>;
  readonly #outputs: SwimOutputs<C>;
  #seq: number;

  constructor(members: Members<C>, profile: SwimProfile, tools: SwimTools<C>, outputs: SwimOutputs<C>) {
    this.#members = members;
    this.#profile = profile;
    this.#tools = tools;
    this.#outputs = outputs;
    this.#seq = Math.floor(tools.random() * 2 ** 32);
  }

  /** The next sequence number, 32 bits, for whatever this node asks. */
  nextSeq(): number {
    this.#seq = (this.#seq + 1) >>> 0;
    return this.#seq;
  }

  /** Asks or answers. @param via where an answer goes, if not to the node's own address */
  send(to: NodeId, probe: Probe, via?: unknown): void {
    this.#outputs.send(to, { from: this.#members.self, probe, updates: this.#updates(to) }, via);
  }

  /** Says to one member that this node lives, where a refutation did not arrive. */
  refute(to: NodeId): void {
    const { self, card, incarnation } = this.#members;
    this.#outputs.send(to, { from: self, updates: [{ kind: 'alive', node: self, incarnation, card }] });
  }

  /** Sends only news; several packets of it while there is much, as when two halves of a cluster meet again. */
  gossip(to: NodeId): void {
    let waiting = this.#members.broadcasts.pending;
    for (let packets = this.#profile.gossipPackets; packets > 0 && waiting > 0; packets--) {
      const updates = this.#updates(to);
      if (updates.length === 0) return;
      this.#outputs.send(to, { from: this.#members.self, updates });
      waiting -= updates.length;
    }
  }

  /** The buddy system (Lifeguard §IV-C): who is held for suspect or dead is told so first, with whatever is sent to it. */
  #updates(to: NodeId): readonly Update<C>[] {
    const { table, broadcasts, alive } = this.#members;
    const slot = table.slotOf(to);
    const claim = slot < 0 ? undefined : this.#members.claim(slot);
    if (claim === undefined && broadcasts.pending === 0) return NO_UPDATES;
    const updates: Update<C>[] = [];
    let room = this.#profile.packetBytes - this.#tools.packetOverhead;
    if (claim !== undefined) {
      updates.push(claim);
      room -= this.#tools.sizeOf(claim);
    }
    if (broadcasts.pending > 0) broadcasts.take(room, retransmitLimit(this.#profile, alive), updates);
    return updates;
  }
}
