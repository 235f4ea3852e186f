/**
 * Packetization Layer Path MTU Discovery (RFC 8899 §5) for a path whose other end answers probes: it needs no ICMP.
 *
 * ```
 *           link's size arrives                  a larger one arrives
 *   base -------------------------> complete ------------------------> searching
 *    |                                ^   |    the size in use is lost     ^  |
 *    |                                |   +--------------------------------+  |
 *    | it does not, the floor does    |             nothing left to try       |
 *    +--------------------------------|---------------------------------------+
 *    |                                +---------------------------------------+
 *    +--- not even the floor, while small probes do ---> error
 * ```
 *
 * Probes go in rounds of some sizes at once, of which the largest that arrives is proven: a round takes one PROBE_TIMER,
 * and three find any size. One size of a round is so small that it should arrive, so that a round that is lost as a whole
 * says nothing of sizes. What is in use is lowered when it was lost in three rounds (MAX_PROBES) in which a smaller size
 * arrived: a black hole (§4.3).
 *
 * Unlike the RFC a path begins with the link's size, not with BASE_PLPMTU: most paths take it, and those who send
 * through the tunnel remember for minutes what they were told once.
 */
import { type MtuPhase, type MtuSource, type PathMtuLearner, RAISE } from './path-mtu-learner.js';

/** How long an answer is waited for, ms: PROBE_TIMER is no less than a second (§5.1.1). */
const PROBE_TIMER = 1000;
/** MAX_PROBES, §5.1.2. */
const MAX_PROBES = 3;
/** Rounds without any answer, while small probes pass, that mean that not even the floor does. */
const MAX_SILENT = 5;
/** Sizes between two known ones that a round tries. */
const LADDER = 6;
/** What paths commonly take: tunnels, PPPoE, Ethernet, its jumbo frames. */
const COMMON = [
  576, 1006, 1280, 1350, 1380, 1400, 1420, 1440, 1450, 1460, 1476, 1480, 1492, 1500, 2002, 4352, 4470, 8500, 8896, 8950,
  9000, 9001, 9216,
];

interface Round {
  readonly sizes: readonly number[];
  readonly answered: Set<number>;
  readonly ends: number;
}

export class PathMtuSearch implements PathMtuLearner {
  mtu: number;
  by: MtuSource = 'link';
  at: number;
  phase: MtuPhase = 'base';
  readonly #floor: number;
  readonly #ceiling: number;
  /** The largest size that has arrived in this search, 0: none; the smallest that was lost, or nobody tried. */
  #low = 0;
  #high: number;
  /** Rounds in a row in which the size in use was lost and a smaller one was not; in which everything was. */
  #misses = 0;
  #silent = 0;
  /** When the next round begins, and from when on one tries more than is in use. */
  #due: number;
  #raiseAt: number;
  #round: Round | undefined;

  /**
   * @param floor the MTU is never set below it, bytes
   * @param ceiling the link's
   */
  constructor(floor: number, ceiling: number, now: number) {
    this.#floor = Math.min(floor, ceiling);
    this.#ceiling = ceiling;
    this.#high = ceiling + 1;
    this.mtu = ceiling;
    this.at = now;
    this.#due = now;
    this.#raiseAt = now;
  }

  get wakeAt(): number {
    return this.#round?.ends ?? this.#due;
  }

  wake(now: number, alive: boolean): boolean {
    if (this.#round && now >= this.#round.ends) this.#judge(this.#round, now, alive);
    return !this.#round && now >= this.#due;
  }

  next(now: number, interval: number): readonly number[] {
    const raise = this.phase === 'complete' && this.mtu < this.#ceiling && now >= this.#raiseAt;
    if (raise) this.#raiseAt = now + RAISE;
    const sizes = [...new Set(this.#sizes(raise))].sort((one, other) => one - other);
    this.#round = { sizes, answered: new Set(), ends: now + PROBE_TIMER };
    this.#due = this.phase === 'searching' ? this.#round.ends : now + Math.max(PROBE_TIMER, interval);
    return sizes;
  }

  answered(size: number, now: number): void {
    const round = this.#round;
    if (!round?.sizes.includes(size)) return;
    round.answered.add(size);
    if (round.answered.size === round.sizes.length) this.#judge(round, now, true);
  }

  tooBig(mtu: number, now: number): boolean {
    return mtu >= this.#floor && this.#limit(mtu, 'icmp', now);
  }

  refused(mtu: number, now: number): boolean {
    return this.#limit(Math.max(this.#floor, mtu), 'kernel', now);
  }

  /** Used at once, and tested at once: there may be a narrower hop behind the one that told. */
  #limit(mtu: number, by: MtuSource, now: number): boolean {
    if (mtu >= this.mtu) return false;
    this.#use(mtu, by, now);
    this.#complete(now);
    this.#round = undefined;
    this.#due = now;
    return true;
  }

  #sizes(raise: boolean): number[] {
    if (this.phase === 'base' || this.phase === 'error') return [this.#floor, this.#ceiling];
    if (this.phase === 'complete') return raise ? [this.mtu, this.mtu + 1, this.#ceiling] : [this.mtu];
    const low = this.#low || this.#floor;
    return [low, this.mtu, ...ladder(low, this.#high)];
  }

  #judge({ sizes, answered }: Round, now: number, alive: boolean): void {
    this.#round = undefined;
    const best = Math.max(0, ...answered);
    if (best === 0) {
      this.#allLost(now, alive);
      return;
    }
    this.#silent = 0;
    this.#low = Math.max(this.#low, best);
    this.#high = Math.min(this.#high, ...sizes.filter((size) => size > best && !answered.has(size)));
    const before = this.mtu;
    if (best >= before) this.#arrived(best, now);
    else if (sizes.includes(before)) this.#missed(now);

    if (this.#misses > 0 || (this.mtu > before && this.mtu < this.#ceiling)) this.#search(now);
    else if (this.phase !== 'searching' || this.#high <= this.#low + 1 || this.mtu === this.#ceiling)
      this.#complete(now);
    else this.#search(now);
  }

  /** Without a smaller size that arrived it is not known what a loss means. */
  #allLost(now: number, alive: boolean): void {
    if (!alive) {
      this.#silent = 0;
    } else if (this.phase === 'complete') {
      this.#low = 0;
      this.#high = this.mtu;
      this.#misses = 1;
      this.#search(now);
    } else if (++this.#silent >= MAX_SILENT && this.phase !== 'error') {
      this.#use(this.#floor, 'probed', now);
      this.phase = 'error';
    }
    if (this.phase === 'searching') this.#due = now;
  }

  #arrived(size: number, now: number): void {
    this.#misses = 0;
    const by = size > this.mtu || this.by === 'link' ? 'probed' : this.by;
    this.#use(size, by, now);
  }

  #missed(now: number): void {
    this.#misses++;
    if (this.#misses < MAX_PROBES) return;
    this.#misses = 0;
    this.#use(this.#low, 'probed', now);
  }

  #search(now: number): void {
    // Beyond a size that was lost by chance there may be more: it is not the end if a larger one arrived.
    if (this.#high <= this.#low) this.#high = this.#misses > 0 ? this.mtu : this.#ceiling + 1;
    this.phase = 'searching';
    this.#due = now;
  }

  #complete(now: number): void {
    this.phase = 'complete';
    this.#low = 0;
    this.#high = this.#ceiling + 1;
    this.#misses = 0;
    this.#silent = 0;
    if (this.#raiseAt <= now) this.#raiseAt = now + RAISE;
  }

  #use(mtu: number, by: MtuSource, now: number): void {
    if (mtu < this.mtu) this.#raiseAt = now + RAISE;
    this.mtu = mtu;
    this.by = by;
    this.at = now;
  }
}

/** Sizes between two, both exclusive: the next larger one, which tells whether `low` is all; common ones; evenly spaced. */
export function ladder(low: number, high: number): number[] {
  const room = high - low - 1;
  if (room <= LADDER) return Array.from({ length: Math.max(0, room) }, (_, i) => low + 1 + i);
  const common = COMMON.filter((size) => size > low + 1 && size < high);
  const chosen = new Set([low + 1]);
  const step = Math.max(1, common.length / (LADDER - 1));
  for (let i = 0; i < common.length && chosen.size < LADDER; i += step) chosen.add(common[Math.floor(i)]);
  const even = room / (LADDER - chosen.size + 1);
  for (let at = low + even; chosen.size < LADDER && at < high; at += even) chosen.add(Math.floor(at));
  return [...chosen].filter((size) => size > low && size < high).sort((one, other) => one - other);
}
