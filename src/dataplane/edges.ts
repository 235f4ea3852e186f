/**
 * The dataplane touches the world through exactly two interfaces. Everything between them is pure.
 *
 * ```
 *   pods, kernel  <->  DeviceEdge  <->  outbound / inbound  <->  UnderlayEdge  <->  peers
 * ```
 *
 * Both are non-blocking and work on batches (src/bytes/batch.ts). Memory is borrowed: an edge may use a batch's bytes
 * until its call returns, no longer; what it keeps, it copies. Bad packets are never exceptions: a call throws only when
 * the edge itself is gone, with a `PodwireError`.
 *
 * An edge of one's own fills a batch itself. For each packet that waits, while the batch is not `full`:
 *
 * 1. `at = batch.cursor + headroom` (an underlay leaves no headroom). If `at + length` is beyond `batch.end`, that is,
 *    `batch.room` is too small, the packet waits for the next call; one that does not fit into an empty batch never will,
 *    and is dropped.
 * 2. Copy the packet to `batch.bytes` at `at`. A device also writes its virtio header into the `VIRTIO_HEADER` bytes
 *    before `at`, or zeros them: the arena still holds what was there before.
 * 3. `row = batch.append(at, length)`, and set the other words of the record: an underlay `ADDRESS` (four words), `PORT`,
 *    `TOS`, and `SEGMENT` if there are several datagrams in it.
 * 4. Move `batch.cursor` behind the packet, up to a multiple of 4: `(at + length + 3) & ~3`.
 *
 * The batch comes to it cleared, or in part filled: records that are there stay. examples/embedded/dgram.ts is a whole
 * underlay.
 */
import type { Batch } from '../bytes/batch.js';

/** What a device hands out and takes beyond plain packets. */
export interface DeviceCapabilities {
  /** Hands out and takes packets whose transport checksum is still to be completed (`NEEDS_CSUM`). */
  readonly checksum: boolean;
  /** Hands out and takes TCP superpackets, up to 65,535 bytes. */
  readonly tcpSegmentation: boolean;
  /** Hands out and takes UDP superpackets. */
  readonly udpSegmentation: boolean;
}

/** A layer-3 device: whole IP packets, with a virtio header before each. */
export interface DeviceEdge {
  /** What this device hands out and takes. */
  readonly capabilities: DeviceCapabilities;
  /**
   * Appends waiting packets to the batch, each at `cursor + headroom`, never more than fit, while it is not `full`: the
   * edge itself copies the bytes, calls `batch.append` and moves `batch.cursor` behind each. Leaves `headroom` writable
   * bytes before each packet, the last `VIRTIO_HEADER` of which hold its virtio header: the edge writes it, or zeros for a
   * packet that is complete.
   * @param headroom bytes, at least `VIRTIO_HEADER`
   * @returns packets appended; 0 when none waits
   */
  read(batch: Batch, headroom: number): number;
  /**
   * Writes the packets of a batch; a packet may be several records (`MORE`), and its virtio header stands before the
   * first; a device without capabilities need not look at it: its packets are complete. A refused packet's first record
   * gets the errno as `STATUS`.
   * @returns packets taken
   */
  write(batch: Batch): number;
  /**
   * Registers who is called when packets arrive, or when the edge is gone, so that the next `read` says so. There is one
   * listener: the last. It may be called within a call to this edge or another, and once too often does no harm. An edge
   * that is polled through its descriptor never calls.
   */
  onReadable(listener: () => void): void;
  /** Lets go of the device and of the listener. Called once, by the edge's owner. */
  close(): void;
}

/** What an underlay can do with many datagrams at once. */
export interface UnderlayCapabilities {
  /** Datagrams that one record may hold for sending; they are cut apart by the kernel (`UDP_SEGMENT`) or by the edge. */
  readonly maxSegments: number;
  /** Number of source ports; a record's `SOCKET` is taken modulo this. */
  readonly sourcePorts: number;
}

/** UDP towards the peers. */
export interface UnderlayEdge {
  /** What this underlay can do. */
  readonly capabilities: UnderlayCapabilities;
  /**
   * Appends waiting datagrams, at `cursor`, never more than fit, while the batch is not `full`: the edge itself copies the
   * payload, calls `batch.append`, moves `batch.cursor` behind it, and sets the sender's `ADDRESS` (IPv4 as
   * ::ffff:a.b.c.d: the `words` of an `Address`), its `PORT` and `TOS`. Equal-sized ones of one sender may come as one
   * record with `SEGMENT` set.
   * @returns records appended; 0 when none waits
   */
  receive(batch: Batch): number;
  /**
   * Sends every record to its `ADDRESS` and `PORT` from egress socket `SOCKET`; with `SEGMENT` set it is cut into
   * datagrams of that size. A refused record gets the errno as `STATUS`; if some of its datagrams were sent, its `LENGTH`
   * becomes that of the others together.
   * @returns records sent whole
   */
  send(batch: Batch): number;
  /** The largest outer IP packet that the underlay takes towards an address (words as in a record), or 0: unknown. */
  pathMtu(a: number, b: number, c: number, d: number): number;
  /** Registers who is called when datagrams arrive, as for a device. */
  onReadable(listener: () => void): void;
  /** Lets go of the sockets and of the listener. Called once, by the edge's owner. */
  close(): void;
}
