/** All figures of a moment, from the pods to the router. */
import type { Lab } from '../../src/lab/lab.js';
import type { Place } from '../../src/lab/plan.js';
import { PodwireError } from '../../src/wire/error.js';
import { type Drops, kernelDrops } from './kernel.js';
import { type ChaosNode, type Counts, DEVICE } from './node.js';
import { type Counter, countersIn, payloadOf } from './rules.js';
import type { Reports, Traffic } from './traffic.js';

export interface Reading {
  readonly reports: Reports;
  readonly router: {
    /** By the names of bench/chaos/rules.ts, packets. */
    readonly counters: Readonly<Record<string, number>>;
    /** Of the frames that came from each host, by its name: bytes behind the outer UDP headers. */
    readonly payload: Readonly<Record<string, number>>;
    readonly drops: Drops;
    /** Of the slow way. */
    readonly queue: number;
  };
  readonly hosts: Readonly<Record<string, HostReading>>;
}

export interface HostReading {
  /** Of the node, all lives together. */
  readonly counts: Counts;
  /** Of the overlay's devices of all lives. */
  readonly deviceDrops: Drops;
  /** Datagrams of counted flows that the pods' cable handed to the overlay's device. */
  readonly handed: number;
  /** Of podwire's frames, bytes behind the outer UDP headers: given to the kernel, and brought to the link by it. */
  readonly posted: number;
  readonly left: number;
  /** Of the host's kernel, but for the overlay's device. */
  readonly host: Drops;
  readonly pod: Drops;
  /** `ChaosNode.cuts`. */
  readonly cuts: number;
}

/** Takes them. @param anchors processes that live in the router and in each host, by name of the place */
export async function read(
  lab: Lab,
  nodes: readonly ChaosNode[],
  traffic: Traffic,
  anchors: ReadonlyMap<Place, number>,
  queue: number,
): Promise<Reading> {
  const [reports, counters, ...hosts] = await Promise.all([
    traffic.report(),
    countersAt(lab, lab.router),
    ...nodes.map(async (node): Promise<readonly [string, HostReading]> => {
      const { host } = node;
      const [counts, nft] = await Promise.all([node.counts(), countersAt(lab, host)]);
      return [
        host.name,
        {
          counts,
          deviceDrops: node.deviceDrops,
          handed: nft['handed'].packets,
          posted: payloadOf(nft['posted'], 'ip'),
          left: payloadOf(nft['left'], 'link'),
          host: withoutDevice(kernelDrops(anchors.get(host))),
          pod: kernelDrops(traffic.pidAt(host)),
          cuts: node.cuts,
        },
      ];
    }),
  ]);
  const router = {
    counters: Object.fromEntries(Object.entries(counters).map(([name, { packets }]) => [name, packets])),
    payload: Object.fromEntries(lab.hosts.map(({ name }) => [name, payloadOf(counters[`all_in_${name}`], 'ip')])),
    drops: kernelDrops(anchors.get(lab.router)),
    queue,
  };
  return { reports, router, hosts: Object.fromEntries(hosts) };
}

/** Frames that the router has taken in so far. */
export async function framesSeen(lab: Lab): Promise<number> {
  const counters = await countersAt(lab, lab.router);
  return lab.hosts.reduce((sum, { name }) => sum + counters[`all_in_${name}`].packets, 0);
}

async function countersAt(lab: Lab, place: Place): Promise<Record<string, Counter>> {
  const { code, stdout, stderr } = await lab.exec(place, ['nft', '-j', 'list', 'counters']);
  if (code !== 0) throw new PodwireError('MACHINE', `nft: ${stderr.trim()}`);
  return countersIn(stdout);
}

function withoutDevice(drops: Drops): Drops {
  return Object.fromEntries(Object.entries(drops).filter(([name]) => !name.startsWith(`dev ${DEVICE} `)));
}
