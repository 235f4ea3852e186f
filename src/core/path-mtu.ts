/**
 * The MTU of the path to each peer, in memory shared by all threads: workers use it, and lower it when their own kernel
 * refuses a packet; the main thread writes what it has learned (path-mtu-keeper.ts). One word a peer, 0 for unknown.
 */
export class PathMtuTable {
  readonly memory: SharedArrayBuffer;
  /** No report takes a path below this: a forged one must not stop the traffic. */
  readonly floor: number;
  /** How often this thread has lowered one. */
  lowered = 0;
  readonly #cells: Int32Array;

  /**
   * @param maxPeers peers it has room for
   * @param floor bytes of an IP packet of the underlay: 576 for IPv4 (RFC 791 §3.1), 1280 for IPv6 (RFC 8201 §4)
   * @param memory the memory of a table of the same size in another thread
   */
  constructor(maxPeers: number, floor: number, memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(maxPeers * Int32Array.BYTES_PER_ELEMENT);
    this.floor = floor;
    this.#cells = new Int32Array(this.memory, 0, maxPeers);
  }

  /** The largest IP packet of the underlay that reaches the peer, bytes; 0 if nothing is known against the link's MTU. */
  get(peer: number): number {
    return Atomics.load(this.#cells, peer);
  }

  /** Any thread: the path takes no more than `mtu`. Returns whether that was news. */
  lower(peer: number, mtu: number): boolean {
    const lower = Math.max(this.floor, mtu);
    let known = Atomics.load(this.#cells, peer);
    while (known === 0 || lower < known) {
      const seen = Atomics.compareExchange(this.#cells, peer, known, lower);
      if (seen === known) {
        this.lowered++;
        return true;
      }
      known = seen;
    }
    return false;
  }

  /** Main thread: the path is known to take `mtu`, be it more or less than before; not below the floor. */
  set(peer: number, mtu: number): void {
    Atomics.store(this.#cells, peer, Math.max(this.floor, mtu));
  }

  /** Main thread: nothing is known any more. */
  reset(peer: number): void {
    Atomics.store(this.#cells, peer, 0);
  }
}
