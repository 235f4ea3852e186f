/** What gossip costs: packets and bytes, by what they are for. */
import type { Card, Packet, Update } from '../core/swim/types.js';

/** Bytes of an update, as src/wire/gossip encodes it: names of ten letters, subnets of both families, a signature. */
export const CARD_BYTES = 188;
const ACCUSATION_BYTES = 30;
const DEPARTURE_BYTES = 18;
/** Of a record of a full state besides its card. */
const RECORD_BYTES = 10;
/** Of a datagram without updates, a ping's, with its seal; and of UDP and IPv4 around it. */
const PACKET_BYTES = 80;
const UDP_BYTES = 28;
/** What the driver sets aside in each datagram: a ping between nodes of the longest names, and the seal. */
export const PACKET_RESERVE = 188;

/** What packets are for: probes, gossip alone, full states. */
export const PURPOSES = ['probe', 'gossip', 'push-pull'] as const;
/** One of `PURPOSES`. */
export type Purpose = (typeof PURPOSES)[number];

/** By purpose: datagrams with UDP and IPv4 around them, full states by their payload alone. */
export type Traffic = Readonly<Record<Purpose, { readonly packets: number; readonly bytes: number }>>;

export function updateBytes(update: Update<Card>): number {
  if (update.kind === 'alive') return update.card.size;
  return update.kind === 'left' ? DEPARTURE_BYTES : ACCUSATION_BYTES;
}

/** Counts what a simulated cluster sends, by purpose. */
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
