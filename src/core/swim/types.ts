/**
 * What passes in and out of the membership protocol (swim.ts): SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar,
 * Phillips, Currey 2017, arXiv 1707.00788). Nodes are numbers here: whoever drives the protocol interns names
 * (node-directory.ts) and knows the addresses.
 */
import type { Random } from '../random.js';

/** A node: its number in the driver's directory, which says its name. Never reused for another name while anybody uses it. */
export type NodeId = number;

/** What a node says of itself; the protocol carries it unread, beside the size that it has on the wire. */
export interface Card {
  /** Bytes in a datagram. */
  readonly size: number;
}

export const ALIVE = 0;
export const SUSPECT = 1;
export const DEAD = 2;
export const LEFT = 3;
/** Dead and left nodes stay members until they are forgotten. */
export type MemberState = typeof ALIVE | typeof SUSPECT | typeof DEAD | typeof LEFT;

/** A claim about one member, as it is gossiped. What it overrides is SWIM §4.2: the higher incarnation, then the graver state. */
export type Update<C extends Card> =
  | { readonly kind: 'alive'; readonly node: NodeId; readonly incarnation: number; readonly card: C }
  /** `from` accuses; each accuser counts once (Lifeguard §IV-B). */
  | { readonly kind: 'suspect'; readonly node: NodeId; readonly incarnation: number; readonly from: NodeId }
  | { readonly kind: 'dead'; readonly node: NodeId; readonly incarnation: number; readonly from: NodeId }
  /** Said by the node itself as it goes. */
  | { readonly kind: 'left'; readonly node: NodeId; readonly incarnation: number };

/** The part of a packet that asks or answers. Sequence numbers are the asker's, 32 bits. */
export type Probe =
  /** Answered with `ack` by `target`, and by nobody else. */
  | { readonly kind: 'ping'; readonly seq: number; readonly target: NodeId }
  /** Asks the receiver to ping `target`; answered with `ack`, or with `nack` if none came in time (Lifeguard §IV-A). */
  | { readonly kind: 'ping-request'; readonly seq: number; readonly target: NodeId }
  | { readonly kind: 'ack'; readonly seq: number }
  | { readonly kind: 'nack'; readonly seq: number };

/** One datagram. */
export interface Packet<C extends Card> {
  readonly from: NodeId;
  readonly probe?: Probe;
  readonly updates: readonly Update<C>[];
}

/** A member as push/pull carries it. */
export interface MemberRecord<C extends Card> {
  readonly node: NodeId;
  readonly state: MemberState;
  readonly incarnation: number;
  readonly card: C;
  /** How long it has been in this state, ms: a dead node's memory ages also where it is told late. */
  readonly ageMs: number;
}

/** What is told to the driver when a member changes; `state` is the new one. */
export type SwimEvent<C extends Card> =
  /** First heard of, or back after it was dead or left (or only remembered). */
  | { readonly kind: 'joined'; readonly node: NodeId; readonly card: C }
  /** Alive or suspected, with another card. */
  | { readonly kind: 'updated'; readonly node: NodeId; readonly card: C; readonly before: C }
  | { readonly kind: 'suspected'; readonly node: NodeId }
  /** A suspicion was refuted. */
  | { readonly kind: 'recovered'; readonly node: NodeId }
  | { readonly kind: 'failed'; readonly node: NodeId }
  | { readonly kind: 'left'; readonly node: NodeId }
  /** One that is dead or left was not known yet, or has said something newer than was known: what it had is not lost yet. */
  | { readonly kind: 'remembered'; readonly node: NodeId; readonly card: C; readonly state: typeof DEAD | typeof LEFT }
  /** Dead or left for `forgetAfter`: its card is released after this call. */
  | { readonly kind: 'forgotten'; readonly node: NodeId; readonly card: C }
  /** This node was accused and has answered with a higher incarnation; `from` accused it (itself, where it was told over a stream). */
  | { readonly kind: 'refuted'; readonly incarnation: number; readonly from: NodeId }
  /** This node itself has come to the last incarnation: it can refute nothing more, nor say anything new. Told once. */
  | { readonly kind: 'spent'; readonly node: NodeId }
  /** A card that `judge` refused: somebody else's claim to `node`'s name. `node` may be this node itself. */
  | { readonly kind: 'conflict'; readonly node: NodeId; readonly card: C };

/** What the driver does for the protocol. Calls come from within the protocol's own, and must not call back into it. */
export interface SwimOutputs<C extends Card> {
  /** @param via as `handlePacket` was given it, when this answers that packet: it goes where that came from */
  send(to: NodeId, packet: Packet<C>, via?: unknown): void;
  /**
   * Exchange full states with this member over a stream: send `pushState`; the other side merges it and only then sends
   * its own, so that two halves that meet again need one exchange: it has objected by then to being dead.
   */
  sync(to: NodeId): void;
  /** Ping it over a stream, beside the indirect probes; an answer is `handleStreamAck(seq)`. */
  streamPing(to: NodeId, seq: number): void;
  notify(event: SwimEvent<C>): void;
}

/** Randomness, sizes and trust, as the driver has them. */
export interface SwimTools<C extends Card> {
  /** 0 <= x < 1 */
  readonly random: Random;
  /** Bytes of an update in a datagram. */
  readonly sizeOf: (update: Update<C>) => number;
  /** Bytes of a datagram with any probe and no update, with all that is put around it. */
  readonly packetOverhead: number;
  /**
   * Whether packets can pass between these two at all, as far as is known of them; absent: between any two. Members
   * that this node cannot reach are probed through helpers that can, and are told nothing directly.
   */
  readonly linked?: (one: NodeId, other: NodeId) => boolean;
  /** The incarnation in which the node itself said this: others may have accused it in a later one. */
  readonly incarnationOf: (card: C) => number;
  /**
   * The highest incarnation that any node can have come to by now; absent: any. Accusations beyond it, and beyond what their
   * node is known to have reached, are not believed: at the last of all incarnations nobody could refute.
   */
  readonly latestIncarnation?: () => number;
  /** This node's own card under a new incarnation: called when it has to refute. The driver signs it. */
  readonly renew: (incarnation: number) => C;
  /**
   * May this card stand for that node? `known` is the card it has so far. Called before anything is changed, for every
   * card but the known one itself, so that a foreign claim is noticed even where it is too old to change anything.
   * Signatures were checked by who decoded it.
   */
  readonly judge: (
    node: NodeId,
    card: C,
    known: C | undefined,
    state: MemberState | undefined,
  ) => 'accept' | 'conflict';
}

/** What became of input that changed nothing; each grows for ever. */
export interface SwimCounts {
  /** Updates that said what was known or over. */
  staleUpdates: number;
  /** Suspicions and deaths of nodes never heard of. */
  unknownNodes: number;
  /** Acks and nacks that nothing waits for (any more), or from somebody who was not asked. */
  unknownAcks: number;
  /** Cards that `judge` refused. */
  conflicts: number;
  /** Nodes not taken in, beyond `maxMembers`. */
  refusedMembers: number;
  /** Incarnations that are no 32-bit numbers. */
  invalidUpdates: number;
  /** Accusations of an incarnation that their node cannot have come to: somebody with the key lies, or a clock is far out. */
  impossibleIncarnations: number;
  /** Updates not passed on: larger than a packet. */
  oversizedUpdates: number;
  /** Pings for another node; packets that claim to be from this one. */
  misdirected: number;
  /** Ping-requests answered with a nack at once: for a member not known, or too many at a time. */
  refusedRelays: number;
  /** Times that this node was not woken for long. */
  stalls: number;
}

/** A member as it is told to those who ask. */
export interface MemberView<C extends Card> {
  readonly node: NodeId;
  readonly state: MemberState;
  readonly incarnation: number;
  readonly card: C;
  /** When the state began, ms on the clock of `now`. */
  readonly since: number;
  /** How long the last direct answer took; undefined if there was none yet, and for this node itself. */
  readonly rttMs: number | undefined;
}
