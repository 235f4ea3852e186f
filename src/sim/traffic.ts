/** What gossip costs: packets and bytes, by what they are for. */
import type { Card, Packet, Update } from '../core/swim/types.js';

/** Bytes of a node's card as an update, signed: names of six letters, both families of subnets. */
export const CARD_BYTES = 235;
/** Of an update against a node, and of a record besides its card. */
const ACCUSATION_BYTES = 28;
const RECORD_BYTES = 10;
/** Of a datagram with a probe: gossip's own headers and the seal; and of UDP and IPv4 around it. */
export const PACKET_BYTES = 90;
const UDP_BYTES = 28;

export const PURPOSES = ['probe', 'gossip', 'push-pull'] as const;
export type Purpose = (typeof PURPOSES)[number];

export type Traffic = Readonly<Record<Purpose, { readonly packets: number; readonly bytes: number }>>;

export function updateBytes(update: Update<Card>): number {
  return update.kind === 'alive' ? update.card.size : ACCUSATION_BYTES;
}

export class TrafficMeter {
  readonly #counts = new Map<Purpose, { packets: number; bytes: number }>(
    PURPOSES.map((purpose) => [purpose, { packets: 0, bytes: 0 }]),
  );

  packet(packet: Packet<Card>): void {
    let bytes = PACKET_BYTES + UDP_BYTES;
    for (const update of packet.updates) bytes += updateBytes(update);
    this.#add(packet.probe ? 'probe' : 'gossip', 1, bytes);
  }

  /** A full state of so many members. TCP's own packets are not counted, its bytes of payload are. */
  state(members: number): void {
    this.#add('push-pull', 1, members * (CARD_BYTES + RECORD_BYTES));
  }

  /** What was counted so far does not count. */
  reset(): void {
    for (const counts of this.#counts.values()) counts.packets = counts.bytes = 0;
  }

  read(): Traffic {
    return Object.fromEntries([...this.#counts].map(([purpose, counts]) => [purpose, { ...counts }])) as Traffic;
  }

  #add(purpose: Purpose, packets: number, bytes: number): void {
    const counts = this.#counts.get(purpose);
    if (!counts) return;
    counts.packets += packets;
    counts.bytes += bytes;
  }
}
