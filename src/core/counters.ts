/**
 * Every packet ends in exactly one of these: delivered or dropped, and a drop says why. Workers count in shared memory,
 * each in a row of its own (one writer, so no atomics); the main thread reads and adds the rows up. What begins with
 * `kernel_` the kernel counts: it is read when somebody asks (src/os/kernel-drops.ts), and its cells stay 0.
 */

/** Name, as shown and exported, and what it means. The order is the layout; new ones go to the end of their group. */
export const COUNTERS = {
  tx_packets: 'packets read from the device (a superpacket is one)',
  tx_frames: 'VXLAN frames sent',
  tx_bytes: 'bytes of IP packets sent to peers, inside',
  tx_malformed: 'dropped: not a whole IPv4 or IPv6 packet',
  tx_martian: 'dropped: multicast, broadcast, loopback or unspecified address',
  tx_source_foreign: "dropped: source is neither in this node's pod subnet nor its own address, peers would refuse it",
  tx_looped: "dropped: addressed to this node's own pod subnet, where nobody holds the address",
  tx_no_peer: 'dropped: no peer owns the destination; answered with ICMP unreachable',
  tx_too_big: "dropped: larger than the path to the peer and not to be fragmented; answered with ICMP 'too big'",
  tx_fragmented: 'packets sent in fragments, the path being narrower than the device',
  tx_no_room: 'dropped: a superpacket that did not fit the arena',
  tx_socket_full: 'frames dropped: the UDP socket or its queue stayed full',
  tx_path_too_big: 'frames dropped: larger than the link takes now; the path MTU was lowered',
  tx_unreachable: "frames dropped: the kernel has no route to the peer's underlay address",
  tx_refused: 'frames dropped: the kernel refused to send (a firewall, or an error without a name here)',
  tx_mss_clamped: 'TCP SYNs whose MSS was lowered',
  rx_datagrams: 'UDP datagrams received',
  rx_frames: 'frames accepted',
  rx_bytes: 'bytes of IP packets accepted, inside',
  rx_packets: 'packets written to the device (a superpacket is one)',
  rx_truncated: 'dropped: shorter than its headers say, or than a frame can be',
  rx_bad_flags: 'dropped: VXLAN flags other than a valid VNI, or reserved bits set',
  rx_bad_vni: 'dropped: a VNI that is not ours',
  rx_unknown_sender: 'dropped: the outer source is no peer',
  rx_bad_mac: "dropped: the inner destination MAC is not ours, or the source MAC is our own, zero or a group's",
  rx_bad_ethertype: 'dropped: neither IPv4 nor IPv6 nor a path probe nor an ARP request that we answer',
  rx_malformed: 'dropped: not a whole IPv4 or IPv6 packet or path probe',
  rx_martian: 'dropped: multicast, broadcast, loopback or unspecified address',
  rx_source_not_owned: 'dropped: the inner source does not belong to the peer that sent it',
  rx_looped: 'dropped: the inner source is our own',
  rx_not_ours: 'dropped: the inner destination is neither in our pod subnet nor our own address',
  rx_ecn_dropped: 'dropped: congestion was marked outside, and the transport inside would not understand it (RFC 6040)',
  rx_completed: 'packets that a VTEP on the same machine left unfinished, completed here or by the kernel',
  rx_no_room: 'packets dropped: a superpacket that would fall into more pieces than there is room for',
  rx_device_refused: 'packets dropped: the device refused them',
  rx_neighbour_answered: 'ARP requests and neighbour solicitations answered',
  rx_neighbour_limited:
    'dropped: ARP requests and neighbour solicitations beyond what is answered at once, or whose answer did not leave',
  rx_mss_clamped: 'TCP SYNs whose MSS was lowered',
  rx_probes: 'path probes received, and handed to whoever watches the paths',
  rx_probe_limited: 'dropped: path probes beyond the rate limit',
  icmp_sent: 'ICMP errors written to the device',
  icmp_limited: 'ICMP errors held back by the rate limit',
  kernel_tun_queue_full: "dropped: packets for us that found the device's queue full (a superpacket is one)",
  kernel_socket_buffer_full:
    'dropped: datagrams for us that found the UDP socket full, or had a wrong checksum (what GRO had joined is one)',
} as const;

/** The name of a counter, as in `COUNTERS`. */
export type CounterName = keyof typeof COUNTERS;

/** What the kernel dropped before we saw it. */
export type KernelCounter = Extract<CounterName, `kernel_${string}`>;

/** The names of all counters, in the order of `COUNTERS`. */
export const COUNTER_NAMES = Object.keys(COUNTERS) as CounterName[];

/** Does it count what was dropped? Its words say so. */
export function isDrop(name: CounterName): boolean {
  return /\bdropped:/.test(COUNTERS[name]);
}

/** Index of each counter in a row: `row[C.tx_packets]++`. */
export const C = Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, index])) as Record<CounterName, number>;

/** Two readings as one. */
export function addReadings(
  one: Readonly<Record<CounterName, number>>,
  other: Readonly<Record<CounterName, number>>,
): Record<CounterName, number> {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, one[name] + other[name]])) as Record<
    CounterName,
    number
  >;
}

/** Counted for each peer: four columns. */
export const PEER_TX_FRAMES = 0;
export const PEER_TX_BYTES = 1;
export const PEER_RX_FRAMES = 2;
export const PEER_RX_BYTES = 3;
export const PEER_COLUMNS = 4;

/** Counters of all workers in one shared buffer. */
export class CounterTable {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
  readonly maxPeers: number;

  constructor(workers: number, maxPeers: number, memory?: SharedArrayBuffer) {
    this.workers = workers;
    this.maxPeers = maxPeers;
    this.memory = memory ?? new SharedArrayBuffer(workers * CounterTable.#rowBytes(maxPeers));
  }

  static #rowBytes(maxPeers: number): number {
    return 8 * (COUNTER_NAMES.length + maxPeers * PEER_COLUMNS);
  }

  /** The row that worker `worker` writes. */
  row(worker: number): Float64Array {
    return new Float64Array(this.memory, worker * CounterTable.#rowBytes(this.maxPeers), COUNTER_NAMES.length);
  }

  /** The per-peer cells that worker `worker` writes: `peer * PEER_COLUMNS + PEER_…`. */
  peers(worker: number): Float64Array {
    const start = worker * CounterTable.#rowBytes(this.maxPeers) + 8 * COUNTER_NAMES.length;
    return new Float64Array(this.memory, start, this.maxPeers * PEER_COLUMNS);
  }

  /** Sums over all workers. */
  total(): Record<CounterName, number> {
    const sums = new Float64Array(COUNTER_NAMES.length);
    for (let worker = 0; worker < this.workers; worker++) {
      const row = this.row(worker);
      for (let i = 0; i < sums.length; i++) sums[i] += row[i];
    }
    return Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, sums[index]])) as Record<CounterName, number>;
  }

  /** One peer's sums over all workers. */
  peer(peer: number): { txFrames: number; txBytes: number; rxFrames: number; rxBytes: number } {
    const sums = [0, 0, 0, 0];
    for (let worker = 0; worker < this.workers; worker++) {
      const cells = this.peers(worker);
      for (let i = 0; i < PEER_COLUMNS; i++) sums[i] += cells[peer * PEER_COLUMNS + i];
    }
    return { txFrames: sums[0], txBytes: sums[1], rxFrames: sums[2], rxBytes: sums[3] };
  }

  /** Forgets peers' figures, when their indexes are given to others. Workers must not use the indexes meanwhile. */
  resetPeers(peers: readonly number[]): void {
    for (let worker = 0; worker < this.workers; worker++) {
      const cells = this.peers(worker);
      for (const peer of peers) cells.fill(0, peer * PEER_COLUMNS, (peer + 1) * PEER_COLUMNS);
    }
  }
}
