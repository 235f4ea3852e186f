/**
 * How gossip passes to other processes: datagrams and streams, sealed (sessions.ts, sealed-stream.ts) or open
 * (open-sessions.ts, open-stream.ts). Whoever drives sockets needs not know which.
 */
import type { SessionCounts } from './session-counters.js';

/** What is done for the sessions. Calls come from within `open` and `trust`. */
export interface SessionOutputs<Via> {
  /** A message, from a process that is there now. */
  deliver(plain: Uint8Array, via: Via): void;
  /** A datagram that goes back to where another came from. */
  send(datagram: Uint8Array, via: Via): void;
}

/** @typeParam Via where a datagram came from, as the driver has it */
export interface DatagramSessions<Via> {
  /** What became of datagrams; see session-counters.ts. */
  readonly counts: SessionCounts;
  /**
   * @param plain at most `MAX_PLAIN` bytes
   * @param nowMs monotonic, as everywhere here
   * @returns the datagram
   */
  seal(plain: Uint8Array, nowMs: number): Uint8Array;
  /** Takes a datagram that came in. Keeps no view of it. */
  open(datagram: Uint8Array, via: Via, nowMs: number): void;
  /**
   * What a stream has shown of its peer once it was `ready`: that process is there now. Datagrams that it sent before
   * its hello are not delivered.
   */
  trust(peer: StreamPeer, nowMs: number): void;
  /** A stream to or from a peer: one for each connection. */
  openStream(): GossipStream;
}

/** The process at a stream's other end. */
export interface StreamPeer {
  /** Its session, 16 bytes. */
  readonly session: Uint8Array;
  /** Its datagrams below this counter were sealed before the stream was. */
  readonly counter: number;
}

export type StreamRefusal = 'malformed' | 'too_large' | 'foreign_key' | 'forged' | 'reflected';

/** What comes of a chunk. */
export interface StreamStep {
  /** To be written to the peer. */
  readonly write?: Uint8Array;
  /** Whole messages, in order. */
  readonly messages: readonly Uint8Array[];
  /** Whether messages may be sent now. */
  readonly ready: boolean;
  /** The connection is to be closed, and why. Nothing more comes of it. */
  readonly closed?: StreamRefusal;
}

export interface GossipStream {
  /** What is written first, from both ends; it may be empty. */
  start(): Uint8Array;
  /** Takes what was read, however it is cut. Never throws. */
  receive(chunk: Uint8Array): StreamStep;
  /**
   * @param plain at most `MAX_MESSAGE` bytes
   * @throws PodwireError INTERNAL: it has more, or the stream is not ready
   */
  seal(plain: Uint8Array): Uint8Array;
  /** From `ready` on, where streams are sealed. */
  readonly peer: StreamPeer | undefined;
}
