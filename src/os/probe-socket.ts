/**
 * Sends path probes from the main thread, whose sockets the workers' are not: a send-only socket on the underlay address,
 * with a source port of its own out of the same range as theirs. Receivers look at the source address only.
 */
import { ADDRESS, Batch, PORT, STATUS } from '../bytes/batch.js';
import { type Address, addressBytes } from '../wire/address.js';
import type { SystemCalls } from './system-calls.js';
import { openEgress } from './udp.js';

/** Socket buffer, bytes, and arena: a round of padded probes, and the largest datagram. */
const BUFFER = 256 << 10;
const ARENA = 65_536;

export class ProbeSocket {
  readonly #system: SystemCalls;
  readonly #fds: Int32Array;
  readonly #batch = Batch.allocate(ARENA, 1);

  /**
   * @param underlay this node's
   * @param random 0 <= x < 1, picks the source port
   * @throws a system error if the address is not this machine's
   */
  constructor(system: SystemCalls, underlay: Address, random: () => number) {
    this.#system = system;
    this.#fds = Int32Array.of(openEgress(system, { address: addressBytes(underlay), buffer: BUFFER }, random));
  }

  /**
   * Sends one datagram, at once or not at all: a probe that does not leave counts as lost.
   * @param frame at most 65,507 bytes
   * @returns 0, or the errno that the kernel refused it with
   */
  send(frame: Uint8Array, to: Address, port: number): number {
    const batch = this.#batch;
    batch.clear();
    batch.bytes.set(frame);
    const row = batch.append(0, frame.length);
    batch.records[row + PORT] = port;
    batch.records.set(to.words, row + ADDRESS);
    this.#system.udpSend(this.#fds, batch.bytes, batch.records, 1, 0);
    return batch.records[row + STATUS];
  }

  /** For its error queue. */
  get fd(): number {
    return this.#fds[0];
  }

  close(): void {
    this.#system.close(this.#fds[0]);
  }
}
