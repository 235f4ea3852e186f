/**
 * Keeps the path MTU of every peer: each has a learner, this one gives them time, reports and answers, bounds how much
 * they send together, and passes on what they find. A state machine: time comes in, probes and MTUs go out.
 */
import type { MtuPhase, MtuSource, PathMtuLearner } from './path-mtu-learner.js';
import { PathMtuSearch } from './path-mtu-search.js';
import { PathMtuTold } from './path-mtu-told.js';
import { type PathReport, quotesOurFrame, type SentHeaders } from './path-report.js';
import { TokenBucket } from './token-bucket.js';

/** Between two tests of what is in use, ms: three losses are noticed in five seconds. */
const TEST_EVERY = 2000;
/** Rounds a second and at once of all peers together: beyond this the intervals grow. A round is one packet, at most nine. */
const ROUNDS_PER_SECOND = 200;
const ROUNDS_BURST = 50;
/** So long after it became a peer a node may not have opened its sockets, ms. */
const STARTING = 5_000;
/** How long "nobody listens there" is repeated to who asks, ms. */
const TROUBLE_FOR = 10_000;

export interface KeptPeer {
  readonly node: string;
  /** Its underlay address, as text: with another one it is another path. */
  readonly underlay: string;
  /** No report takes its path below this, bytes of outer IP packet. */
  readonly floor: number;
  /** What the link takes, bytes of outer IP packet. */
  readonly ceiling: number;
  /** It answers probes of any size. */
  readonly answers: boolean;
  readonly headers: SentHeaders;
}

export interface PathMtuReading {
  /** The largest outer IP packet in use, bytes. */
  readonly mtu: number;
  readonly by: MtuSource;
  /** Since it was learned or last confirmed. */
  readonly ageMs: number;
  readonly phase: MtuPhase;
  /** What ICMP has said lately, or what stands in the way, in words. */
  readonly words?: string;
}

/** Reports by what became of them. */
export interface PathMtuCounters {
  believed: number;
  /** True, and known already. */
  known: number;
  /** About what is no peer, or no VXLAN. */
  foreign: number;
  /** Does not quote a frame of ours. */
  unproven: number;
  /** Tells less than the floor. */
  belowFloor: number;
  /** Says nothing that concerns us. */
  other: number;
}

export interface PathMtuOutputs {
  /** One packet of `size` bytes to a peer that answers; `filler`: to one that does not. */
  probe(node: string, size: number): void;
  filler(node: string, size: number): void;
  /** Small probes to it pass. */
  alive(node: string): boolean;
  /** This is in use from now on, bytes of outer IP packet; 0: what the link takes. */
  use(node: string, mtu: number): void;
  /** For people: something about this path has changed. */
  notify(node: string, words: string): void;
}

interface Kept {
  peer: KeptPeer;
  learner: PathMtuLearner;
  /** When it became a peer, ms. */
  readonly since: number;
  /** What was passed on last. */
  used: number;
  trouble?: { readonly words: string; readonly at: number };
}

export class PathMtuKeeper {
  readonly counters: PathMtuCounters = {
    believed: 0,
    known: 0,
    foreign: 0,
    unproven: 0,
    belowFloor: 0,
    other: 0,
  };
  readonly #port: number;
  readonly #outputs: PathMtuOutputs;
  readonly #paths = new Map<string, Kept>();
  readonly #rounds = new TokenBucket(ROUNDS_PER_SECOND, ROUNDS_BURST);

  /** @param port the UDP port of VXLAN */
  constructor(port: number, outputs: PathMtuOutputs) {
    this.#port = port;
    this.#outputs = outputs;
  }

  /** Makes these the peers. What is known of those that stay where they are is kept. */
  setPeers(peers: readonly KeptPeer[], now: number): void {
    const wanted = new Set(peers.map(({ node }) => node));
    for (const node of this.#paths.keys()) if (!wanted.has(node)) this.#paths.delete(node);
    for (const peer of peers) {
      const kept = this.#paths.get(peer.node);
      const stays = kept?.peer.underlay === peer.underlay && kept.peer.ceiling === peer.ceiling;
      if (stays && kept.peer.answers === peer.answers) {
        kept.peer = peer;
        // Where something else of the peer has changed, the workers have forgotten.
        if (kept.used < peer.ceiling) this.#outputs.use(peer.node, kept.used);
        continue;
      }
      const learner = new (peer.answers ? PathMtuSearch : PathMtuTold)(peer.floor, peer.ceiling, now);
      if (stays) learner.tooBig(kept.learner.mtu, now);
      const path = { peer, learner, since: kept?.since ?? now, used: kept?.used ?? peer.ceiling };
      this.#paths.set(peer.node, path);
      this.#pass(path);
    }
  }

  /**
   * To be called soon after anything else was, but several times a second at most; else at the time that it returns.
   * @returns ms; infinite: there is nothing to wait for. `now`: there is more to do, or something has been sent
   */
  wake(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    const interval = Math.max(TEST_EVERY, (1000 * this.#paths.size) / ROUNDS_PER_SECOND);
    for (const [node, kept] of this.#paths) {
      const { learner, peer } = kept;
      const wants = learner.wake(now, this.#outputs.alive(node));
      this.#pass(kept);
      next = Math.min(next, wants ? now : learner.wakeAt);
      if (!wants || !this.#rounds.take(now)) continue;
      for (const size of learner.next(now, interval)) {
        if (peer.answers) this.#outputs.probe(node, size);
        else this.#outputs.filler(node, size);
      }
    }
    return next;
  }

  /** A probe of this size has arrived at the peer. */
  answered(node: string, size: number, now: number): void {
    const kept = this.#paths.get(node);
    if (!kept) return;
    kept.learner.answered(size, now);
    this.#pass(kept);
  }

  /** Workers use `mtu` for a path now: less than they were told means that this machine's kernel refused more. */
  found(node: string, mtu: number, now: number): void {
    const kept = this.#paths.get(node);
    if (!kept || mtu >= kept.used) return;
    kept.learner.refused(mtu, now);
    this.#say(kept, kept.used, mtu);
    kept.used = mtu;
    this.#pass(kept);
  }

  /**
   * Takes a report of a socket's error queue, or of ICMP that no socket heard. Whoever hands them in bounds how many:
   * a flood of forged ones must not crowd out the true one.
   * @param node whose underlay address is the report's destination; undefined: nobody's
   */
  report(node: string | undefined, report: PathReport, now: number): void {
    const kept = node === undefined ? undefined : this.#paths.get(node);
    if (!kept) this.counters.foreign++;
    // Linux leaves the port out of what it says itself, for IPv4.
    else if (report.kind === 'link') this.#count(kept.learner.refused(report.mtu, now));
    else if (report.port !== this.#port) this.counters.foreign++;
    else if (report.kind === 'other') this.counters.other++;
    else if (!quotesOurFrame(report, kept.peer.headers)) this.counters.unproven++;
    else if (report.kind === 'too-big') this.#tooBig(kept, report.mtu, now);
    else this.#unreachable(kept, report.kind, now);
    if (kept) this.#pass(kept);
  }

  /** What is known of the path to a peer. */
  reading(node: string, now: number): PathMtuReading | undefined {
    const kept = this.#paths.get(node);
    if (!kept) return undefined;
    const { mtu, by, at, phase } = kept.learner;
    const words = wordsOf(kept, now);
    return { mtu, by, ageMs: now - at, phase, ...(words === undefined ? {} : { words }) };
  }

  #tooBig({ learner, peer }: Kept, mtu: number, now: number): void {
    if (mtu < peer.floor) this.counters.belowFloor++;
    else this.#count(learner.tooBig(mtu, now));
  }

  #unreachable(kept: Kept, kind: 'no-port' | 'unreachable', now: number): void {
    const { node } = kept.peer;
    // A node gossips before its sockets are open.
    if (kind === 'no-port' && now - kept.since < STARTING) {
      this.#count(false);
      return;
    }
    const words =
      kind === 'no-port'
        ? `${node}'s machine says that nobody listens on UDP ${this.#port}: is podwire running there?`
        : `a router says that ${node} cannot be reached, or that it may not be`;
    const news = kept.trouble?.words !== words || now - kept.trouble.at > TROUBLE_FOR;
    kept.trouble = { words, at: now };
    this.#count(news);
    if (news) this.#outputs.notify(node, words);
  }

  #count(news: boolean): void {
    if (news) this.counters.believed++;
    else this.counters.known++;
  }

  #pass(kept: Kept): void {
    const { peer, learner } = kept;
    if (learner.mtu === kept.used) return;
    this.#say(kept, kept.used, learner.mtu);
    kept.used = learner.mtu;
    this.#outputs.use(peer.node, learner.mtu < peer.ceiling ? learner.mtu : 0);
  }

  #say({ peer, learner }: Kept, before: number, mtu: number): void {
    const words = `the path to ${peer.node} takes IP packets of ${mtu} bytes, before it was ${before} (${learner.by})`;
    this.#outputs.notify(peer.node, words);
  }
}

function wordsOf({ trouble, learner, peer }: Kept, now: number): string | undefined {
  if (trouble && now - trouble.at <= TROUBLE_FOR) return trouble.words;
  if (learner.phase !== 'error') return undefined;
  return `small probes to ${peer.node} pass, those of ${learner.mtu} bytes do not: the path is narrower than any should be`;
}
