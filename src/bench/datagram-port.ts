/** A UDP socket as measurements use it: many datagrams a call where there are system calls of our own, else by node:dgram. */

/**
 * Looks at a datagram that has come.
 * @returns whether it is to go back where it came from
 */
export type Visit = (bytes: Buffer, at: number, length: number) => boolean;

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Where there are system calls, they are made at once and block this thread: then it answers without a promise. */
export interface DatagramPort {
  /** The port it is bound to. */
  readonly port: number;
  /**
   * Sends so many datagrams to the target, whose headers `stamp` writes.
   * @param count at most `BATCH`
   * @returns how many the kernel took
   */
  send(count: number, stamp: (bytes: Buffer, at: number) => void): number | Promise<number>;
  /** Waits for datagrams for up to so long, ms, and has each of those that are there looked at. */
  receive(waitMs: number, visit: Visit): void | Promise<void>;
  pause(ms: number): void | Promise<void>;
  close(): void;
}

export interface PortOptions {
  /** An address of this machine, without a port: any that is free. */
  readonly local: string;
  /** Where it sends to; without one it only receives and sends back. */
  readonly target?: Target;
  /** Bytes of a datagram that is sent, and of the largest that is received. */
  readonly size: number;
  /** Datagrams are handed to the kernel joined, and taken from it joined (`UDP_SEGMENT`, `UDP_GRO`). */
  readonly joined: boolean;
}

/** Datagrams in one call. */
export const BATCH = 64;

/** Socket buffers, bytes; a process without rights gets what `net.core.rmem_max` allows. */
export const BUFFER = 4 << 20;
