/** A bounded queue of packets that an in-memory edge keeps between turns: what is kept is copied. */
import type { Batch } from '../bytes/batch.js';
import { ADDRESS, PORT, SEGMENT, TOS } from '../bytes/batch.js';
import type { Words } from '../wire/address.js';

export interface QueuedPacket {
  readonly bytes: Uint8Array;
  /** Size of each datagram but the last, 0: one. */
  readonly segment: number;
  readonly from: Words;
  readonly port: number;
  readonly tos: number;
}

export class PacketQueue {
  readonly #limit: number;
  readonly #packets: QueuedPacket[] = [];
  #head = 0;
  /** Packets that found the queue full. */
  dropped = 0;

  /** @param limit packets kept at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#packets.length - this.#head;
  }

  push(packet: QueuedPacket): boolean {
    if (this.length >= this.#limit) {
      this.dropped++;
      return false;
    }
    this.#packets.push(packet);
    return true;
  }

  shift(): QueuedPacket | undefined {
    if (this.length === 0) return undefined;
    const packet = this.#packets[this.#head++];
    if (this.#head > 1024 && this.#head * 2 > this.#packets.length) {
      this.#packets.splice(0, this.#head);
      this.#head = 0;
    }
    return packet;
  }

  /**
   * Moves packets into the batch while they fit, each behind `headroom` bytes. A packet too long for an empty batch is
   * dropped and counted.
   * @returns packets moved
   */
  drainInto(batch: Batch, headroom: number, beforePacket?: (packet: QueuedPacket, at: number) => void): number {
    let moved = 0;
    while (this.length > 0 && !batch.full) {
      const packet = this.#packets[this.#head];
      const at = batch.cursor + headroom;
      if (at + packet.bytes.length > batch.end) {
        if (batch.count > 0) break;
        this.dropped++;
        this.shift();
        continue;
      }
      this.shift();
      beforePacket?.(packet, at);
      batch.bytes.set(packet.bytes, at);
      const row = batch.append(at, packet.bytes.length);
      batch.records[row + SEGMENT] = packet.segment;
      batch.records[row + PORT] = packet.port;
      batch.records[row + TOS] = packet.tos;
      batch.records.set(packet.from, row + ADDRESS);
      batch.cursor = (at + packet.bytes.length + 3) & ~3;
      moved++;
    }
    return moved;
  }
}
