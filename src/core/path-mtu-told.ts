/**
 * The MTU of a path whose other end answers no probes: a configured peer, another VTEP, the kernel's own. Only ICMP tells
 * of it, and this machine's kernel of its link; a path that is narrow and swallows ICMP stays a black hole (RFC 2923
 * §2.1). An answer that nobody can vouch for would be no better than none, so none is asked for.
 *
 * Whether a narrow path has grown is found without risking data: a frame of the link's size that every VTEP drops is
 * sent, and ICMP says again what passes. It comes from the first hop that is too narrow, so a frame of the size that it
 * tells is sent next. Where several of one size in a row draw nothing, the path is taken to be as wide.
 */
import { type MtuPhase, type MtuSource, type PathMtuLearner, RAISE } from './path-mtu-learner.js';

/** How long ICMP is waited for, ms: routers answer at once or not at all. */
const WAIT = 2000;
/** Frames in a row that draw no ICMP: routers limit how many errors they send. */
const SILENT = 3;

export class PathMtuTold implements PathMtuLearner {
  mtu: number;
  by: MtuSource = 'link';
  at: number;
  readonly phase: MtuPhase = 'told';
  readonly #floor: number;
  readonly #ceiling: number;
  #due = Number.POSITIVE_INFINITY;
  /** A frame was sent, and until then the answer is to it. */
  #until = Number.NEGATIVE_INFINITY;
  #silent = 0;
  /** What the next frame tries. */
  #candidate: number;

  constructor(floor: number, ceiling: number, now: number) {
    this.#floor = Math.min(floor, ceiling);
    this.#ceiling = ceiling;
    this.#candidate = ceiling;
    this.mtu = ceiling;
    this.at = now;
  }

  get wakeAt(): number {
    return this.#due;
  }

  wake(now: number): boolean {
    if (now < this.#due) return false;
    if (this.#silent < SILENT) return true;
    this.#learn(this.#candidate, this.#candidate === this.#ceiling ? 'link' : this.by, now);
    return false;
  }

  next(now: number): readonly number[] {
    this.#silent++;
    this.#until = now + WAIT;
    this.#due = now + WAIT;
    return [this.#candidate];
  }

  /** Nobody answers. */
  answered(): void {}

  tooBig(mtu: number, now: number): boolean {
    return mtu >= this.#floor && this.#told(mtu, 'icmp', now);
  }

  refused(mtu: number, now: number): boolean {
    return this.#told(Math.max(this.#floor, mtu), 'kernel', now);
  }

  /** A larger size than the one in use is only tried, and only if a frame has asked for it. */
  #told(mtu: number, by: MtuSource, now: number): boolean {
    if (mtu > this.mtu) {
      if (now > this.#until || mtu >= this.#candidate) return false;
      this.#candidate = mtu;
      this.#silent = 0;
      this.#due = now;
      return false;
    }
    if (mtu === this.mtu && now > this.#until) return false;
    const news = mtu < this.mtu;
    this.#learn(mtu, news ? by : this.by, now);
    return news;
  }

  #learn(mtu: number, by: MtuSource, now: number): void {
    this.mtu = mtu;
    this.by = by;
    this.at = now;
    this.#silent = 0;
    this.#candidate = this.#ceiling;
    this.#until = Number.NEGATIVE_INFINITY;
    this.#due = mtu < this.#ceiling ? now + RAISE : Number.POSITIVE_INFINITY;
  }
}
