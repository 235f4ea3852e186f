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
import { COUNTER_NAMES, COUNTERS, type CounterName } from '../../src/core/counters.js';
import type { Flow } from './flows.js';
import { accountFrames, type FrameAccount, LEAST_FRAME, MOST_FRAME } from './frames.js';
import { added, type Drops, total } from './kernel.js';
import type { Counts } from './node.js';
import type { HostReading, Reading } from './readings.js';

export interface Imbalance {
  readonly stage:
    | 'host'
    | 'sending'
    | 'network'
    | 'receiving'
    | 'fragmented'
    | 'frames posted'
    | 'frames to the link'
    | 'frames sent'
    | 'frames received'
    | 'frames ended';
  readonly where: string;
  /** Packets (of bytes: at least so many) that are gone and were counted by nobody; below zero: that nobody had sent. */
  readonly packets: number;
}

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
/** The same in bytes: pings are small, 126 bytes in a frame. */
const BYTE_SLACK = 4_000;
/** A message's bytes at most. */
const MOST_MESSAGE = 65_507;

const TX_DROPS = dropsOf('tx_');
const RX_DROPS = dropsOf('rx_');

/** The counters whose words say that something was dropped. */
function dropsOf(way: string): CounterName[] {
  return COUNTER_NAMES.filter((name) => name.startsWith(way) && COUNTERS[name].includes('dropped:'));
}

/** What became of the packets between two quiet moments. */
export function balance(flows: readonly Flow[], before: Reading, now: Reading): Balance {
  const unaccounted: Imbalance[] = [];
  let inFlight = 0;
  /** @param missing what went in and did not come out @param counted drops that explain it */
  const judge = (stage: Imbalance['stage'], where: string, missing: number, counted: number, slack: number) => {
    const packets = missing < 0 ? missing : Math.max(0, missing - counted);
    if (packets === 0) return;
    if (Math.abs(packets) <= slack) inFlight += stage.startsWith('frames') ? 0 : Math.abs(packets);
    else unaccounted.push({ stage, where, packets });
  };
  const judgeBytes = (stage: Imbalance['stage'], where: string, missing: number, counted: number) => {
    const bytes = missing < 0 ? missing : Math.max(0, missing - counted);
    if (Math.abs(bytes) <= BYTE_SLACK) return;
    unaccounted.push({ stage, where, packets: Math.sign(bytes) * Math.ceil(Math.abs(bytes) / MOST_FRAME) });
  };
  const router = added(now.router.counters, before.router.counters);
  const ports = added(now.router.drops, before.router.drops);
  const routerDrops = total(ports) + now.router.queue - before.router.queue;
  const passed = (way: string, name: string) => router[`${way}_${name}`] ?? 0;
  const lost = { host: 0, sending: 0, network: 0, receiving: 0 };
  const behind = { frames: 0, waiting: 0, link: 0 };
  const small = amounts(flows, 'udp', before, now);
  const drops: Record<string, number> = {};

  for (const [name, host] of Object.entries(now.hosts)) {
    const old = before.hosts[name];
    const slack = CUT_SLACK * (host.cuts - old.cuts);
    const handed = host.handed - old.handed;
    const kernel = added(host.host, old.host);
    const device = added(host.deviceDrops, old.deviceDrops);
    const tx = dropped(host, old, TX_DROPS);
    const rx = dropped(host, old, RX_DROPS);
    const pod = added(host.pod, old.pod);
    for (const [counter, value] of Object.entries({ ...tx, ...rx, ...kernel, ...device })) {
      drops[counter] = (drops[counter] ?? 0) + value;
    }

    const sent = small.sentFrom(name);
    lost.host += sent - handed;
    // While there is no node there is no route to the device: its host sends pods' packets to the router, who refuses.
    judge('host', name, sent - handed, total(kernel) + routerDrops, slack);
    lost.sending += handed - passed('flow_in', name);
    const { frames, unposted, waiting, link } = accountFrames(name, before, now);
    const onTheWay = total(tx) + total(kernel) + total(device) + Math.max(0, frames);
    judge('sending', name, handed - passed('flow_in', name), onTheWay, slack);
    const arrived = passed('flow_out', name);
    lost.receiving += arrived - small.arrivedAt(name);
    const after = (ports[`dev ${name} tx`] ?? 0) + now.router.queue - before.router.queue;
    const atTheEnd = after + total(rx) + total(kernel) + total(device) + total(pod);
    judge('receiving', name, arrived - small.arrivedAt(name), atTheEnd, slack);
    if (slack > 0) continue;
    judgeBytes('frames posted', name, unposted, 0);
    // A link that is down at the other end drops what arrives there.
    const linkDrops = (kernel['dev eth0 tx'] ?? 0) + (ports[`dev ${name} rx`] ?? 0);
    judgeBytes('frames to the link', name, link, MOST_MESSAGE * linkDrops);
    const explained = (Math.max(0, waiting) + Math.max(0, link)) / LEAST_FRAME;
    judge('frames sent', name, Math.abs(frames), explained, FRAME_SLACK);
    behind.frames += frames;
    behind.waiting += waiting;
    behind.link += link;
    const more = (counter: CounterName) => host.counts[counter] - old.counts[counter];
    const others = more('rx_probes') + more('rx_probe_limited') + more('rx_neighbour_answered');
    const received = passed('all_out', name) - (more('rx_datagrams') - others);
    judge('frames received', name, received, total(kernel) + after, FRAME_SLACK);
    // What the device refused had been accepted as a frame before; limited probes are among the drops and the others.
    const refused = total(rx) - more('rx_device_refused') - more('rx_probe_limited');
    judge('frames ended', name, more('rx_datagrams') - more('rx_frames') - others - refused, 0, FRAME_SLACK);
  }

  const [into, routed, outOf] = ['flow_in', 'flow_routed', 'flow_out'].map((way) =>
    Object.keys(now.hosts).reduce((sum, name) => sum + passed(way, name), 0),
  );
  const twice = router['twice'] ?? 0;
  lost.network = into - outOf;
  const unresolved = Math.max(0, routed - outOf);
  const dropping = routerDrops + (router['lost'] ?? 0) + unresolved;
  judge('network', 'router', into + Math.min(twice, Math.max(0, outOf - into)) - outOf, dropping, 0);

  const large = amounts(flows, 'fragmented', before, now);
  judge(
    'fragmented',
    'all',
    Math.max(0, large.sent - large.received),
    total(drops) + Math.max(0, behind.frames) + dropping,
    0,
  );
  return {
    sent: small.sent,
    received: small.received,
    duplicates: small.duplicates,
    late: small.late,
    lost,
    unresolved,
    duplicatedByUs: Math.max(0, small.duplicates - twice),
    fragmented: { sent: large.sent, received: large.received },
    behind,
    unaccounted,
    inFlight,
    drops,
  };
}

function dropped(host: HostReading, old: HostReading, names: readonly CounterName[]): Drops {
  const only = (counts: Counts) => Object.fromEntries(names.map((name) => [name, counts[name]]));
  return added(only(host.counts), only(old.counts));
}

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
