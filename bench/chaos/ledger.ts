/**
 * Every packet delivered or counted: what was put in at each stage of the way must have come out of it, or be among the
 * drops that somebody counted there. Pure. From one quiet moment to the next nothing is on its way, so that the only slack
 * is for a node that ended in full work: what it carried between its last reading and its end.
 *
 * ```
 *   pod -- host -- podwire -- router -- podwire -- pod
 *     sent   handed        in        out       received
 * ```
 *
 * Drops of a stage are not told apart by flow, and datagrams of a flow are few among them: what is found missing is
 * surely missing, but a loss could hide behind drops of others. `frames` has no such shade: there every frame counts, and between a node
 * and the router every byte (frames.ts).
 */
import { COUNTER_NAMES, type CounterName, isDrop } from '../../src/core/counters.js';
import { Findings, type Imbalance } from './findings.js';
import type { Flow } from './flows.js';
import { accountFrames, type FrameAccount, LEAST_FRAME } from './frames.js';
import { added, type Drops, total } from './kernel.js';
import type { Counts } from './node.js';
import type { HostReading, Reading } from './readings.js';

export interface Balance {
  /** Small datagrams. */
  readonly sent: number;
  /** Different ones. */
  readonly received: number;
  readonly duplicates: number;
  readonly late: number;
  /** Where datagrams were lost, each counted. */
  readonly lost: {
    readonly host: number;
    readonly sending: number;
    readonly network: number;
    readonly receiving: number;
  };
  /** Of those lost by the router: waited there for a neighbour's address in vain. */
  readonly unresolved: number;
  /** More came than the router had sent twice. */
  readonly duplicatedByUs: number;
  readonly fragmented: { readonly sent: number; readonly received: number };
  /** Lost by the hosts' kernels behind podwire, of all traffic. */
  readonly behind: Omit<FrameAccount, 'unposted'>;
  /** What was found missing in spite of the slack. */
  readonly unaccounted: readonly Imbalance[];
  /** Within the slack of nodes that ended: packets. */
  readonly inFlight: number;
  /** By name of the counter, all nodes together. */
  readonly drops: Drops;
}

/** Datagrams of flows, for each end of a node that was at work: what passes it in a second. */
const CUT_SLACK = 400;
/** Pings go on while all else rests, and a retransmission may come late. */
const FRAME_SLACK = 25;
/** A message's bytes at most. */
const MOST_MESSAGE = 65_507;

const DROPS = COUNTER_NAMES.filter(isDrop);
const TX_DROPS = DROPS.filter((name) => name.startsWith('tx_'));
const RX_DROPS = DROPS.filter((name) => name.startsWith('rx_'));

interface HostAccount {
  readonly lost: { readonly host: number; readonly sending: number; readonly receiving: number };
  readonly behind: Balance['behind'];
  readonly drops: Drops;
}

/** What became of the packets between two quiet moments. */
export function balance(flows: readonly Flow[], before: Reading, now: Reading): Balance {
  const findings = new Findings();
  const names = Object.keys(now.hosts);
  const small = amounts(flows, 'udp', before, now);
  const router = routerBetween(before, now);
  const hosts = names.map((name) => judgeHost(findings, hostBetween(name, before, now), router, small));
  const network = judgeRouter(findings, names, router);

  const sum = (part: (host: HostAccount) => number) => hosts.reduce((all, host) => all + part(host), 0);
  const behind = {
    frames: sum((host) => host.behind.frames),
    waiting: sum((host) => host.behind.waiting),
    link: sum((host) => host.behind.link),
  };
  const counters = new Set(hosts.flatMap((host) => Object.keys(host.drops)));
  const drops = Object.fromEntries([...counters].map((name) => [name, sum((host) => host.drops[name] ?? 0)]));
  const large = amounts(flows, 'fragmented', before, now);
  const missing = Math.max(0, large.sent - large.received);
  findings.judge('fragmented', 'all', missing, total(drops) + Math.max(0, behind.frames) + network.dropped, 0);
  return {
    sent: small.sent,
    received: small.received,
    duplicates: small.duplicates,
    late: small.late,
    lost: {
      host: sum((host) => host.lost.host),
      sending: sum((host) => host.lost.sending),
      network: network.lost,
      receiving: sum((host) => host.lost.receiving),
    },
    unresolved: network.unresolved,
    duplicatedByUs: Math.max(0, small.duplicates - router.twice),
    fragmented: { sent: large.sent, received: large.received },
    behind,
    unaccounted: findings.unaccounted,
    inFlight: findings.inFlight,
    drops,
  };
}

/** From a pod to the router, and from the router to a pod. */
function judgeHost(findings: Findings, host: HostBetween, router: RouterBetween, small: Amounts): HostAccount {
  const { name, slack, kernel, tx, rx, frames } = host;
  const lost = {
    host: small.sentFrom(name) - host.handed,
    sending: host.handed - router.passed('flow_in', name),
    receiving: router.passed('flow_out', name) - small.arrivedAt(name),
  };
  const here = total(kernel) + total(host.device);
  // While there is no node there is no route to the device: its host sends pods' packets to the router, who refuses.
  findings.judge('host', name, lost.host, total(kernel) + router.drops, slack);
  findings.judge('sending', name, lost.sending, total(tx) + here + Math.max(0, frames.frames), slack);
  const atTheEnd = router.droppedTo(name) + total(rx) + here + total(host.pod);
  findings.judge('receiving', name, lost.receiving, atTheEnd, slack);

  const drops = { ...tx, ...rx, ...kernel, ...host.device };
  if (slack > 0) return { lost, drops, behind: { frames: 0, waiting: 0, link: 0 } };
  judgeFrames(findings, host, router);
  return { lost, drops, behind: { frames: frames.frames, waiting: frames.waiting, link: frames.link } };
}

/** From podwire to the router, and from the router to podwire. */
function judgeFrames(findings: Findings, host: HostBetween, router: RouterBetween): void {
  const { name, kernel, rx, more } = host;
  const { frames, unposted, waiting, link } = host.frames;
  findings.judgeBytes('frames posted', name, unposted, 0);
  // A link that is down at the other end drops what arrives there.
  const linkDrops = (kernel['dev eth0 tx'] ?? 0) + router.droppedFrom(name);
  findings.judgeBytes('frames to the link', name, link, MOST_MESSAGE * linkDrops);
  const explained = (Math.max(0, waiting) + Math.max(0, link)) / LEAST_FRAME;
  findings.judge('frames sent', name, Math.abs(frames), explained, FRAME_SLACK);

  const others = more('rx_probes') + more('rx_probe_limited') + more('rx_neighbour_answered');
  const missing = router.passed('all_out', name) - (more('rx_datagrams') - others);
  findings.judge('frames received', name, missing, total(kernel) + router.droppedTo(name), FRAME_SLACK);
  // What the device refused had been accepted as a frame before; limited probes are among the drops and the others.
  const refused = total(rx) - more('rx_device_refused') - more('rx_probe_limited');
  findings.judge('frames ended', name, more('rx_datagrams') - more('rx_frames') - others - refused, 0, FRAME_SLACK);
}

/** From port to port, of all hosts. */
function judgeRouter(findings: Findings, names: readonly string[], router: RouterBetween) {
  const [into, routed, outOf] = ['flow_in', 'flow_routed', 'flow_out'].map((way) =>
    names.reduce((sum, name) => sum + router.passed(way, name), 0),
  );
  const unresolved = Math.max(0, routed - outOf);
  const dropped = router.drops + router.lost + unresolved;
  const multiplied = Math.min(router.twice, Math.max(0, outOf - into));
  findings.judge('network', 'router', into + multiplied - outOf, dropped, 0);
  return { lost: into - outOf, unresolved, dropped };
}

type HostBetween = ReturnType<typeof hostBetween>;

/** What a host's figures gained. */
function hostBetween(name: string, before: Reading, now: Reading) {
  const [host, old] = [now.hosts[name], before.hosts[name]];
  return {
    name,
    /** Datagrams that the ends of its node in this time excuse. */
    slack: CUT_SLACK * (host.cuts - old.cuts),
    handed: host.handed - old.handed,
    kernel: added(host.host, old.host),
    device: added(host.deviceDrops, old.deviceDrops),
    pod: added(host.pod, old.pod),
    tx: dropped(host, old, TX_DROPS),
    rx: dropped(host, old, RX_DROPS),
    frames: accountFrames(name, before, now),
    more: (counter: CounterName) => host.counts[counter] - old.counts[counter],
  };
}

type RouterBetween = ReturnType<typeof routerBetween>;

/** What the router's figures gained. */
function routerBetween({ router: before }: Reading, { router: now }: Reading) {
  const counters = added(now.counters, before.counters);
  const ports = added(now.drops, before.drops);
  const queue = now.queue - before.queue;
  return {
    passed: (way: string, name: string) => counters[`${way}_${name}`] ?? 0,
    droppedFrom: (name: string) => ports[`dev ${name} rx`] ?? 0,
    droppedTo: (name: string) => (ports[`dev ${name} tx`] ?? 0) + queue,
    drops: total(ports) + queue,
    lost: counters['lost'] ?? 0,
    twice: counters['twice'] ?? 0,
  };
}

function dropped(host: HostReading, old: HostReading, names: readonly CounterName[]): Drops {
  const only = (counts: Counts) => Object.fromEntries(names.map((name) => [name, counts[name]]));
  return added(only(host.counts), only(old.counts));
}

type Amounts = ReturnType<typeof amounts>;

/** What was sent and what arrived of one kind of flows. */
function amounts(flows: readonly Flow[], kind: Flow['kind'], before: Reading, now: Reading) {
  const rows = flows
    .filter((flow) => flow.kind === kind)
    .map(({ id, from, to }) => {
      const more = (field: 'received' | 'duplicates' | 'late') =>
        (now.reports[to].udp[id]?.[field] ?? 0) - (before.reports[to].udp[id]?.[field] ?? 0);
      return {
        from,
        to,
        sent: now.reports[from].sent[id] - before.reports[from].sent[id],
        received: more('received'),
        duplicates: more('duplicates'),
        late: more('late'),
      };
    });
  const sum = (field: 'sent' | 'received' | 'duplicates' | 'late', of = rows) =>
    of.reduce((total, row) => total + row[field], 0);
  return {
    sent: sum('sent'),
    received: sum('received'),
    duplicates: sum('duplicates'),
    late: sum('late'),
    sentFrom: (name: string) =>
      sum(
        'sent',
        rows.filter(({ from }) => from === name),
      ),
    arrivedAt: (name: string) => {
      const here = rows.filter(({ to }) => to === name);
      return sum('received', here) + sum('duplicates', here);
    },
  };
}
