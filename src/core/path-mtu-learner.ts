/** What is known of the MTU of the path to one peer, and who learns it. Sizes are IP packets of the underlay, bytes. */

/**
 * How an MTU is known. `link`: the device's, nothing speaks against it. `kernel`: this machine's kernel refused more.
 * `icmp`: a router on the path told it. `probed`: probes of this size arrive.
 */
export type MtuSource = 'link' | 'kernel' | 'icmp' | 'probed';

/**
 * Where the search is, RFC 8899 §5.2: `base`: nothing is proven; `searching`; `complete`; `error`: probes of the smallest
 * size are lost while smaller ones arrive. `told`: nobody answers probes there, so it only listens.
 */
export type MtuPhase = 'base' | 'searching' | 'complete' | 'error' | 'told';

/** Learns one path's MTU. Time comes in, sizes to be probed go out; its `mtu` is to be used from then on. */
export interface PathMtuLearner {
  readonly mtu: number;
  readonly by: MtuSource;
  /** When it was learned or last confirmed, ms. */
  readonly at: number;
  readonly phase: MtuPhase;
  /** When `wake` has something to say, unless it is told more before, ms; infinite: not by itself. */
  readonly wakeAt: number;
  /**
   * Draws conclusions from the probes that were not answered in time. To be called at `wakeAt`; earlier does no harm.
   * @param alive small probes pass meanwhile: what is lost is lost for its size, or by chance
   * @returns whether it wants to probe now (`next`)
   */
  wake(now: number, alive: boolean): boolean;
  /** The sizes to probe now, one packet each. @param interval between two tests of what is in use, ms */
  next(now: number, interval: number): readonly number[];
  /** A probe of this size has arrived there. */
  answered(size: number, now: number): void;
  /** A believable report that no more than `mtu` passes; a smaller one than the floor is not. Returns whether it is news. */
  tooBig(mtu: number, now: number): boolean;
  /** This machine's kernel refuses more. Returns whether it is news. */
  refused(mtu: number, now: number): boolean;
}

/** Between two tests whether more passes than is in use, ms: RFC 8899 §5.1.1 has 600 s for what costs the user's data. */
export const RAISE = 10_000;
