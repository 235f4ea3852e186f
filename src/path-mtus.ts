/**
 * Path MTUs of a running node: gives the keeper (src/core/path-mtu-keeper.ts) its time, its reports and its peers, and
 * writes what it finds where the workers read. Runs on the main thread, off the packets' way: the error queues of the
 * workers' sockets are read here, once a worker has seen something in its own (src/os/error-watch.ts), or while a probe
 * may be answered. In between it sleeps: woken cold, this thread takes some tenths of a millisecond from a packet that it meets.
 *
 * The sockets send with IP_PMTUDISC_PROBE, so the kernel's own cache of path MTUs does not rule the data path. It believes
 * any ICMP whose quoted ports match one of its sockets, 8 bytes that a stranger can guess, down to 552 bytes for IPv4, and
 * for ten minutes; and it would refuse the very probes that find out that a path has grown. So "message too long" means
 * the link alone, and for peers who answer no probes, too, all is learned here, by stricter rules.
 */
import type { Log } from './control/agent-types.js';
import { type PathMtuCounters, PathMtuKeeper, type PathMtuReading } from './core/path-mtu-keeper.js';
import type { PathReport } from './core/path-report.js';
import { type Overlay, PATH_FLOOR } from './dataplane/overlay.js';
import { ErrorQueues } from './os/error-queue.js';
import type { IcmpEar } from './os/icmp-ear.js';
import type { ProbeSocket } from './os/probe-socket.js';
import type { SystemCalls } from './os/system-calls.js';
import type { UdpSockets } from './os/udp.js';
import { type Family, formatAddress } from './wire/address.js';
import { encodeFiller } from './wire/path-probe.js';
import { encapsulationPrefix, outerHeaders, overhead, VXLAN_HEADER } from './wire/vxlan.js';

/** Between two looks at what was reported, ms at least, whoever floods us with it. */
const TICK = 100;

/** Peers who answer padded probes, and how to send them. */
export interface PaddedProbes {
  answersPadded(node: string): boolean;
  /** Small probes pass. */
  pathAlive(node: string): boolean;
  /** @param payload bytes of UDP payload */
  askPadded(node: string, size: number, payload: number): void;
}

export interface PathMtusOptions {
  readonly system: SystemCalls;
  readonly overlay: Overlay;
  readonly vxlan: { readonly vni: number; readonly port: number };
  /** Of all workers and addresses. */
  readonly sockets: readonly UdpSockets[];
  readonly probes: ReadonlyMap<Family, ProbeSocket>;
  /** Absent: nobody answers any. */
  readonly padded: PaddedProbes | undefined;
  /** Absent: the sockets hear for themselves. */
  readonly ear: IcmpEar | undefined;
  readonly log: Log;
}

export class PathMtus {
  readonly #options: PathMtusOptions;
  readonly #errors: ErrorQueues;
  readonly #keeper: PathMtuKeeper;
  /** Names by the words of the underlay address that traffic goes to. */
  #names = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  /** The last look, ms. */
  #lookedAt = 0;
  /** The look that the timer is set for, ms; nothing is earlier before the start, during a look, and after the stop. */
  #looksAt = Number.NEGATIVE_INFINITY;

  constructor(options: PathMtusOptions) {
    this.#options = options;
    const { system, sockets, probes, overlay, padded, log } = options;
    this.#errors = new ErrorQueues(system, [
      ...sockets.flatMap(({ egress }) => [...egress]),
      ...[...probes.values()].map(({ fd }) => fd),
    ]);
    this.#keeper = new PathMtuKeeper(options.vxlan.port, {
      probe: (node, size) => {
        const peer = overlay.peer(node);
        if (peer) padded?.askPadded(node, size, size - outerHeaders(peer.underlay.family));
      },
      filler: (node, size) => this.#sendFiller(node, size),
      alive: (node) => padded?.pathAlive(node) ?? false,
      use: (node, mtu) => overlay.setPathMtu(node, mtu),
      notify: (node, words) => log.info({ kind: 'path-mtu', node }, words),
    });
  }

  start(): void {
    const { ear } = this.#options;
    if (ear) {
      ear.onReport = (report) => {
        this.#report(report, performance.now());
        this.told();
      };
    }
    this.#looksAt = Number.POSITIVE_INFINITY;
    this.watch();
  }

  stop(): void {
    const { ear } = this.#options;
    if (ear) ear.onReport = () => {};
    clearTimeout(this.#timer);
    this.#looksAt = Number.NEGATIVE_INFINITY;
  }

  /** There is something to be read, or to be done: it is looked at now, or when the time for it has come. */
  told(): void {
    this.#lookBy(this.#lookedAt + TICK);
  }

  /** Looks if the time for it has come: for who is awake. */
  glance(): void {
    const now = performance.now();
    if (this.#looksAt !== Number.NEGATIVE_INFINITY && now >= this.#lookedAt + TICK) this.#look(now);
  }

  /** The overlay's peers, or who of them answers, have changed. */
  watch(): void {
    const { overlay, vxlan, padded } = this.#options;
    const peers = [...overlay.peers()].map(({ peer }) => peer);
    this.#names = new Map(peers.map(({ node, underlay }) => [wordsKey(underlay.words), node]));
    this.#keeper.setPeers(
      peers.map(({ node, underlay, mac }) => ({
        node,
        underlay: formatAddress(underlay),
        floor: PATH_FLOOR[underlay.family],
        ceiling: overlay.shared.vtep.mtu + overhead(underlay.family),
        answers: padded?.answersPadded(node) ?? false,
        headers: { vni: vxlan.vni, peer: mac, own: overlay.self.mac },
      })),
      performance.now(),
    );
    this.told();
  }

  /** A padded probe of this size has arrived at a peer. */
  arrived(node: string, size: number): void {
    this.#keeper.answered(node, size, performance.now());
    this.told();
  }

  /** Reports by what became of them. */
  get counters(): PathMtuCounters {
    return this.#keeper.counters;
  }

  reading(node: string): PathMtuReading | undefined {
    return this.#keeper.reading(node, performance.now());
  }

  #look(now: number): void {
    clearTimeout(this.#timer);
    this.#looksAt = Number.NEGATIVE_INFINITY;
    this.#lookedAt = now;
    this.#errors.read((report) => this.#report(report, now));
    for (const { node, mtu } of this.#options.overlay.narrowPaths()) this.#keeper.found(node, mtu, now);
    const next = this.#keeper.wake(now);
    this.#looksAt = Number.POSITIVE_INFINITY;
    this.#lookBy(Math.max(now + TICK, next));
  }

  /** Looks at this time, unless it does so before. */
  #lookBy(at: number): void {
    if (at >= this.#looksAt) return;
    clearTimeout(this.#timer);
    this.#looksAt = at;
    this.#timer = setTimeout(() => this.#look(performance.now()), Math.ceil(at - performance.now()));
  }

  #report(report: PathReport, now: number): void {
    this.#keeper.report(this.#names.get(wordsKey(report.destination)), report, now);
  }

  #sendFiller(node: string, size: number): void {
    const { overlay, vxlan, probes } = this.#options;
    const peer = overlay.peer(node);
    if (!peer) return;
    const length = size - outerHeaders(peer.underlay.family) - VXLAN_HEADER;
    const frame = encodeFiller(encapsulationPrefix(vxlan.vni, peer.mac, overlay.self.mac), length);
    probes.get(peer.underlay.family)?.send(frame, peer.underlay, vxlan.port);
  }
}

function wordsKey(words: ArrayLike<number>): string {
  return `${words[0]} ${words[1]} ${words[2]} ${words[3]}`;
}

/** Why ICMP is not heard, in one line. */
export function withoutEar(error: unknown): string {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return `ICMP is heard through the node's own sockets alone: raw-socket cannot be used (${why})`;
}
