/**
 * A batch: packets in one arena, described by one table of records.
 *
 * The arena is preallocated memory; nothing in it is owned by anybody for longer than one turn of the pipeline. Who
 * reads appends records, who decides rewrites them, who writes walks them. The C addon sees the same table
 * (native/records.h), so a record is a row of `RECORD` 32-bit integers:
 *
 * ```
 *  word   0      1      2       3     4      5      6    7   8 9 10 11
 *      +------+------+-------+-----+------+------+----+---+-----------+
 *      |offset|length|segment|flags|status|socket|port|tos|  address  |
 *      +------+------+-------+-----+------+------+----+---+-----------+
 * ```
 *
 * | word    | device side                              | underlay side                                       |
 * |---------|------------------------------------------|-----------------------------------------------------|
 * | offset  | first byte of the IP packet in the arena | first byte of the UDP payload                       |
 * | length  | bytes                                    | bytes                                               |
 * | segment | 0                                        | size of each datagram but the last; 0: one datagram |
 * | flags   | `MORE`: continued by the next record     | 0                                                   |
 * |         | `ALONE`: is not to be joined with others |                                                     |
 * | status  | 0, or the errno that refused it          | the same                                            |
 * | socket  | 0                                        | sending: which egress socket; receiving: 0          |
 * | port    | 0                                        | the other end's UDP port, host order                |
 * | tos     | 0                                        | outer TOS / traffic class                           |
 * | address | 0                                        | the other end's address, IPv4 as ::ffff:a.b.c.d,    |
 * |         |                                          | four words of host-order integers                   |
 *
 * On the device side the `VIRTIO_HEADER` bytes before `offset` (of a packet's first record) hold its
 * `struct virtio_net_hdr` (src/wire/virtio.ts).
 */

/** Words in a record. */
export const RECORD = 12;
/** Word of a record: where the packet, or the datagram's payload, begins in the arena, bytes. */
export const OFFSET = 0;
/** Word of a record: its length, bytes. */
export const LENGTH = 1;
/** Word of a record: the size of each of its datagrams but the last, bytes; 0: it is one. */
export const SEGMENT = 2;
/** Word of a record: `MORE`, `ALONE`, or 0. */
export const FLAGS = 3;
/** Word of a record: the errno that refused it, or 0. */
export const STATUS = 4;
/** Word of a record: which egress socket sends it. */
export const SOCKET = 5;
/** Word of a record: the other end's UDP port, host order. */
export const PORT = 6;
/** Word of a record: the outer TOS or traffic class. */
export const TOS = 7;
/** The first of four words of a record: the other end's address, IPv4 as ::ffff:a.b.c.d. */
export const ADDRESS = 8;

/** Flag: the packet goes on in the next record. */
export const MORE = 1;
/** Flag: `join` leaves the packet and its virtio header, which stands already, as they are. */
export const ALONE = 2;

/** Bytes of `struct virtio_net_hdr` that stand before each packet of a device. */
export const VIRTIO_HEADER = 10;

/**
 * Packets in an arena, and the table of their records. Whoever made it owns it; whoever is handed it borrows it until
 * that call returns.
 */
export class Batch {
  /** The arena; several batches may describe parts of one arena. */
  readonly bytes: Buffer;
  /** This batch's part of the arena: from `start` up to, not including, `end`. */
  readonly start: number;
  readonly end: number;
  readonly capacity: number;
  readonly records: Int32Array;
  /** Records in use. */
  count = 0;
  /** Where the next packet may be put; moved on by who fills the batch. */
  cursor: number;

  /**
   * @param bytes the arena
   * @param start first byte of this batch's part
   * @param end one past its last byte
   * @param capacity records it can hold
   */
  constructor(bytes: Buffer, start: number, end: number, capacity: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.capacity = capacity;
    this.records = new Int32Array(capacity * RECORD);
    this.cursor = start;
  }

  /** A batch with an arena of its own. */
  static allocate(size: number, capacity: number): Batch {
    return new Batch(Buffer.alloc(size), 0, size, capacity);
  }

  /** Appends a record (all other words zero) and returns the index of its first word. The caller checks `full`. */
  append(offset: number, length: number): number {
    const { records } = this;
    const row = this.count++ * RECORD;
    records[row + OFFSET] = offset;
    records[row + LENGTH] = length;
    // Word by word: `fill` costs more than the ten words.
    records[row + SEGMENT] = 0;
    records[row + FLAGS] = 0;
    records[row + STATUS] = 0;
    records[row + SOCKET] = 0;
    records[row + PORT] = 0;
    records[row + TOS] = 0;
    records[row + ADDRESS] = 0;
    records[row + ADDRESS + 1] = 0;
    records[row + ADDRESS + 2] = 0;
    records[row + ADDRESS + 3] = 0;
    return row;
  }

  get full(): boolean {
    return this.count === this.capacity;
  }

  /** Room left in the arena behind the cursor, bytes. */
  get room(): number {
    return this.end - this.cursor;
  }

  /** Releases everything: one call ends the life of all packets in the batch. */
  clear(): void {
    this.count = 0;
    this.cursor = this.start;
  }
}
