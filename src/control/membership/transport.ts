/**
 * What membership needs of a network and of time. src/os/gossip-sockets.ts is the real thing; tests have one in memory.
 */
import type { Endpoint } from '../config/node-config.js';

/** One end of a stream. What is written after it has closed is lost. */
export interface StreamEnd {
  readonly remote: Endpoint;
  write(bytes: Uint8Array): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Who hears a stream; `closed` comes exactly once, with a reason where it broke. */
export interface StreamListener {
  data(bytes: Uint8Array): void;
  closed(reason?: string): void;
}

/** Who hears a stream that somebody else opened. */
export interface AcceptedStream extends StreamListener {
  /** Whether the other end has shown that it holds a key of the ring: the others give way to it. */
  readonly proven: boolean;
}

export interface TransportListener {
  /** @param datagram valid until the call returns */
  datagram(datagram: Uint8Array, from: Endpoint): void;
  /** Somebody connected. */
  accept(stream: StreamEnd): AcceptedStream;
}

export interface GossipTransport {
  /** Best effort: what cannot be sent is lost, as UDP loses it. */
  send(datagram: Uint8Array, to: Endpoint): void;
  /** Opens a stream; what is written before it is open waits. */
  connect(to: Endpoint, listener: StreamListener): StreamEnd;
  close(): Promise<void>;
}

export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Milliseconds since 1970, as people set it: for what outlives the process. */
  wall(): number;
  /** Calls once, after `ms`. @returns calls it off */
  after(ms: number, call: () => void): () => void;
}
