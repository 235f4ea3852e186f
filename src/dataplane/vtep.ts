/** What the packet path knows, and is handed, besides its two edges. */
import type { ByteWork } from '../bytes/work.js';
import type { ForwardingReader } from '../core/forwarding/forwarding-reader.js';
import type { PathMtuTable } from '../core/path-mtu.js';
import type { Family } from '../wire/address.js';
import { overhead } from '../wire/vxlan.js';

/** This node as a VXLAN tunnel end point. */
export interface Vtep {
  readonly vni: number;
  /** Its VTEP MAC, six bytes. */
  readonly mac: Uint8Array;
  /** DSCP of outer packets, 0 to 63, or `INHERIT`. */
  readonly dscp: number;
  /** The device's MTU: the largest inner IP packet, bytes. */
  readonly mtu: number;
}

/** In the place of a DSCP: the outer packet's is the inner one's. */
export const INHERIT = -1;

/** Everything that both directions share. */
export interface PathContext {
  readonly vtep: Vtep;
  readonly table: ForwardingReader;
  /** The path to each peer, as far as it was learned. */
  readonly pathMtus: PathMtuTable;
  /** This worker's counters (`C` of src/core/counters.ts). */
  readonly counters: Float64Array;
  /** This worker's counters of each peer. */
  readonly peerCounters: Float64Array;
  readonly work: ByteWork;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /**
   * Takes path probes (src/wire/path-probe.ts) that a peer's underlay address sent, a copy from the Ethernet header on,
   * without padding: unverified, but as long as it says and not more than 1,000 a second; and over which family. Without
   * it they are only counted.
   */
  readonly onProbe?: ((peer: number, frame: Uint8Array, family: Family) => void) | undefined;
}

/** Free bytes before each packet that is read from the device: room for the encapsulation, and IP headers aligned to 4. */
export const HEADROOM = 32;

/** The largest inner IP packet that reaches a peer: the device's MTU, or less if its path was found to be narrower. */
export function pathMtu({ pathMtus, table, vtep }: PathContext, peer: number): number {
  const outer = pathMtus.get(peer);
  return outer === 0 ? vtep.mtu : Math.min(vtep.mtu, outer - overhead(table.underlayFamily(peer)));
}
