/**
 * Watches the VXLAN path to each peer with probes (src/wire/path-probe.ts), because gossip has a port of its own: it may
 * arrive where data does not. A state machine: time comes in, frames and changes of state go out.
 *
 * ```
 *              reply                3 lost in a row
 *   unknown ----------->  up  ------------------------>  down
 *      |                   ^                              |
 *      |                   +---------- reply -------------+
 *      +------------------- 3 lost in a row ------------->+
 * ```
 *
 * Requests that arrive prove the other direction: where ours are lost meanwhile, the words say so.
 *
 * It also carries padded requests for whoever wants to know what size arrives (path-mtu-keeper.ts). They are no part of
 * the state: small ones alone say whether the path is there.
 */
import { decodePathProbe, encodePathProbe, type PathProbe, pathProbeId, verifyPathProbe } from '../wire/path-probe.js';
import { encapsulationPrefix, VXLAN_HEADER } from '../wire/vxlan.js';
import { PathQuality } from './path-quality.js';
import type { Random } from './random.js';
import { TokenBucket } from './token-bucket.js';

/** Between two requests to one peer, ms; an answer is waited for half as long. */
const INTERVAL = 2000;
/** Each interval is this much longer or shorter, so that nodes that started together do not keep step. */
const JITTER = 0.1;
/** Requests a second to all peers together: beyond this the intervals grow. Receivers take more (inbound.ts). */
const MOST_REQUESTS = 400;
/** Between two looks at all peers, ms. */
const TICK = 20;
/** Losses in a row that mean down. */
const DOWN_AFTER = 3;
/** Answers a peer gets: it asks once in an interval, and may restart. */
const ANSWERS_PER_SECOND = 1;
const ANSWERS_BURST = 4;
/** Padded requests of one peer that are answered: a round of nine each second, and what two rounds share. */
const PADDED_PER_SECOND = 10;
const PADDED_BURST = 20;
/** Padded requests to one peer that wait for their replies: two rounds. */
const PADDED_WAITING = 20;
/** A peer is heard if a request of its own came within so many intervals: less time than the losses that mean down take. */
const HEARD_FOR = 2;

export interface ProbedNode {
  readonly node: string;
  /** Its VTEP MAC, six bytes. */
  readonly mac: Uint8Array;
}

export type PathState = 'unknown' | 'up' | 'down';

export interface PathReading {
  readonly state: PathState;
  /** Round trip through both nodes' workers and main threads, ms: smoothed, and the last. Null: none yet. */
  readonly rttMs: number | null;
  readonly lastRttMs: number | null;
  /** Of the last 20 probes; null: none is decided yet. */
  readonly lossPercent: number | null;
  /** What the state means, for people. */
  readonly words?: string;
}

export interface PathChange {
  readonly node: string;
  readonly state: PathState;
  readonly words: string;
}

/** Frames handed in, by what became of them; and requests sent, by theirs. */
export interface PathMonitorCounters {
  requests: number;
  replies: number;
  lost: number;
  /** Requests of others that were answered, or not, for coming too fast. */
  answered: number;
  limited: number;
  /** Not readable, of another sender or for another target than the path says, under no key of ours. */
  malformed: number;
  foreign: number;
  badMac: number;
  /** Replies that nobody waits for: late, or repeated. */
  unmatched: number;
}

export interface PathMonitorOptions {
  readonly self: ProbedNode;
  readonly vxlan: { readonly vni: number; readonly port: number };
  /** At least one, 32 bytes each: the first makes, each verifies. */
  readonly keys: readonly Uint8Array[];
  readonly random: Random;
  /** Between two requests to one peer, ms; default 2,000. */
  readonly interval?: number;
}

/** Called from within the monitor's own methods; must not call back into it. */
export interface PathMonitorOutputs {
  /** @param frame a UDP payload for the peer's underlay address, VXLAN port */
  send(node: string, frame: Uint8Array): void;
  /** The state, or what is known of its cause, changed. */
  notify(change: PathChange): void;
  /** A padded request of this size was answered. */
  arrived?(node: string, size: number): void;
}

/** The path to one peer. */
interface Path {
  readonly node: string;
  readonly id: bigint;
  readonly quality: PathQuality;
  readonly answers: TokenBucket;
  readonly paddedAnswers: TokenBucket;
  /** Padded requests that wait for their replies, by sequence number, the oldest first. */
  readonly padded: Map<number, { readonly size: number; readonly timestamp: bigint }>;
  /** VXLAN and Ethernet headers to it. */
  prefix: Uint8Array;
  /** When its next request is sent, ms. */
  due: number;
  /** The request that waits for its reply, and until when. */
  waiting?: { readonly sequence: number; readonly sentAt: number; readonly until: number } | undefined;
  /** When a request of its own was last heard, ms. */
  heardAt: number;
  state: PathState;
  words?: string;
}

export class PathMonitor {
  readonly counters: PathMonitorCounters = {
    requests: 0,
    replies: 0,
    lost: 0,
    answered: 0,
    limited: 0,
    malformed: 0,
    foreign: 0,
    badMac: 0,
    unmatched: 0,
  };
  readonly #options: PathMonitorOptions;
  readonly #outputs: PathMonitorOutputs;
  readonly #id: bigint;
  readonly #interval: number;
  readonly #paths = new Map<string, Path>();
  #keys: readonly Uint8Array[];
  /** Starts anywhere, so that replies to an earlier life match nothing. */
  #sequence: number;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(options: PathMonitorOptions, outputs: PathMonitorOutputs) {
    this.#options = options;
    this.#outputs = outputs;
    this.#id = pathProbeId(options.self.node);
    this.#interval = options.interval ?? INTERVAL;
    this.#keys = options.keys;
    this.#sequence = Math.floor(options.random() * 2 ** 32);
  }

  /** Replaces the keys, at least one: the first makes, each verifies. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.#keys = keys;
  }

  /**
   * Makes these the peers that are watched: those whom gossip reaches and who answer probes. One new peer is asked at
   * once, many are asked in the course of an interval. What is known of those that stay is kept.
   */
  setPeers(peers: readonly ProbedNode[], now: number): void {
    const wanted = new Map(peers.map((peer) => [peer.node, peer]));
    for (const node of this.#paths.keys()) if (!wanted.has(node)) this.#paths.delete(node);

    const added: Path[] = [];
    for (const { node, mac } of wanted.values()) {
      const prefix = encapsulationPrefix(this.#options.vxlan.vni, mac, this.#options.self.mac);
      const known = this.#paths.get(node);
      if (known) known.prefix = prefix;
      else added.push(newPath(node, prefix));
    }
    for (const path of added) this.#paths.set(path.node, path);
    for (const [i, path] of added.entries()) path.due = now + (i * this.#spacing()) / added.length;
    if (added.length > 0) this.#wakeAt = Math.min(this.#wakeAt, now);
  }

  /** When `wake` wants to be called next, ms; Infinity: not before there are peers. */
  wakeAt(): number {
    return this.#wakeAt;
  }

  /** Gives up on requests that nobody answered, and sends those that are due. */
  wake(now: number): void {
    let next = Number.POSITIVE_INFINITY;
    for (const path of this.#paths.values()) {
      if (path.waiting && path.waiting.until <= now) this.#lose(path, now);
      if (path.due <= now) this.#request(path, now);
      next = Math.min(next, path.due, path.waiting?.until ?? path.due);
    }
    this.#wakeAt = Math.max(next, now + TICK);
  }

  /**
   * Takes a probe that came from a peer's underlay address.
   * @param node the peer's name
   * @param frame from the Ethernet header on
   */
  handleFrame(node: string, frame: Uint8Array, now: number): void {
    const path = this.#paths.get(node);
    const probe = decodePathProbe(frame);
    if (!probe) this.counters.malformed++;
    else if (!path || probe.sender !== path.id || probe.target !== this.#id) this.counters.foreign++;
    else if (!verifyPathProbe(frame, this.#keys)) this.counters.badMac++;
    else if (probe.kind === 'request') this.#answer(path, probe, now);
    else if (!this.#paddedAnswered(path, probe)) this.#answered(path, probe, now);
  }

  /**
   * Sends a padded request; `arrived` is called if it is answered.
   * @param size what the caller calls it
   * @param payload bytes of UDP payload, more than a probe without padding has
   */
  askPadded(node: string, size: number, payload: number, now: number): void {
    const path = this.#paths.get(node);
    if (!path) return;
    const sequence = this.#nextSequence();
    path.padded.set(sequence, { size, timestamp: timestamp(now) });
    for (const oldest of path.padded.keys()) if (path.padded.size > PADDED_WAITING) path.padded.delete(oldest);
    this.#send(path, 'request', sequence, timestamp(now), payload - VXLAN_HEADER);
  }

  /** Small probes pass: the last that was decided was answered. */
  alive(node: string): boolean {
    const path = this.#paths.get(node);
    return path?.state === 'up' && path.quality.misses === 0;
  }

  /** What is known of the path to a peer; undefined if it is not watched. */
  reading(node: string): PathReading | undefined {
    const path = this.#paths.get(node);
    if (!path) return undefined;
    const { state, words, quality } = path;
    const { rttMs, lastRttMs, lossPercent } = quality;
    return { state, rttMs, lastRttMs, lossPercent, ...(words === undefined ? {} : { words }) };
  }

  #request(path: Path, now: number): void {
    const sequence = this.#nextSequence();
    path.waiting = { sequence, sentAt: now, until: now + this.#interval / 2 };
    path.due = now + this.#spacing() * (1 - JITTER + 2 * JITTER * this.#options.random());
    this.counters.requests++;
    this.#send(path, 'request', sequence, timestamp(now));
  }

  #nextSequence(): number {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) >>> 0;
    return sequence;
  }

  #answer(path: Path, { sequence, timestamp, length }: PathProbe, now: number): void {
    path.heardAt = now;
    if (!(length === undefined ? path.answers : path.paddedAnswers).take(now)) {
      this.counters.limited++;
      return;
    }
    this.counters.answered++;
    this.#send(path, 'reply', sequence, timestamp);
  }

  #paddedAnswered(path: Path, { sequence, timestamp }: PathProbe): boolean {
    const asked = path.padded.get(sequence);
    if (asked?.timestamp !== timestamp) return false;
    path.padded.delete(sequence);
    this.#outputs.arrived?.(path.node, asked.size);
    return true;
  }

  #answered(path: Path, probe: PathProbe, now: number): void {
    const { waiting } = path;
    if (waiting?.sequence !== probe.sequence || timestamp(waiting.sentAt) !== probe.timestamp) {
      this.counters.unmatched++;
      return;
    }
    this.counters.replies++;
    path.waiting = undefined;
    path.quality.answered(now - waiting.sentAt);
    if (path.state !== 'up') this.#become(path, 'up', `${path.node} answers on its VXLAN port ${this.#port}`);
  }

  #lose(path: Path, now: number): void {
    this.counters.lost++;
    path.waiting = undefined;
    path.quality.lost();
    if (path.quality.misses < DOWN_AFTER) return;
    const words = this.#whyDown(path, now);
    if (path.state !== 'down' || path.words !== words) this.#become(path, 'down', words);
  }

  #whyDown({ node, heardAt }: Path, now: number): string {
    const port = this.#port;
    return now - heardAt <= HEARD_FOR * this.#spacing()
      ? `${node}'s packets arrive here on UDP ${port}, ours do not arrive there or its answers do not come back: is UDP ${port} open on ${node}?`
      : `gossip reaches ${node}, its VXLAN port ${port} does not answer: is UDP ${port} open both ways, and vxlan.vni the same?`;
  }

  #become(path: Path, state: PathState, words: string): void {
    path.state = state;
    path.words = words;
    this.#outputs.notify({ node: path.node, state, words });
  }

  #send(path: Path, kind: PathProbe['kind'], sequence: number, timestamp: bigint, length?: number): void {
    const fields = { kind, sequence, sender: this.#id, target: path.id, timestamp };
    const probe: PathProbe = length === undefined ? fields : { ...fields, length };
    this.#outputs.send(path.node, encodePathProbe(probe, path.prefix, this.#keys[0]));
  }

  /** Between two requests to one peer, ms: longer where there are thousands. */
  #spacing(): number {
    return Math.max(this.#interval, (1000 * this.#paths.size) / MOST_REQUESTS);
  }

  get #port(): number {
    return this.#options.vxlan.port;
  }
}

function newPath(node: string, prefix: Uint8Array): Path {
  return {
    node,
    id: pathProbeId(node),
    quality: new PathQuality(),
    answers: new TokenBucket(ANSWERS_PER_SECOND, ANSWERS_BURST),
    paddedAnswers: new TokenBucket(PADDED_PER_SECOND, PADDED_BURST),
    padded: new Map(),
    prefix,
    due: 0,
    heardAt: Number.NEGATIVE_INFINITY,
    state: 'unknown',
  };
}

/** Microseconds, as the wire carries them. */
function timestamp(ms: number): bigint {
  return BigInt(Math.round(1000 * ms));
}
