/**
 * A forwarding table with many peers and prefixes, and the packet path's view of it. Peer p (from 1 on) has `perFamily` pod
 * prefixes of each family, a /24 and a /64 each, and its underlay address. All tables have the same limits, those of
 * a node: only what is in them differs.
 */
import { CounterTable } from '../../src/core/counters.js';
import { type ForwardingChange, type PeerRecord, SELF } from '../../src/core/forwarding/change.js';
import { ForwardingTable } from '../../src/core/forwarding/forwarding-table.js';
import { macFromName } from '../../src/core/mac.js';
import { PathMtuTable } from '../../src/core/path-mtu.js';
import type { Schedule } from '../../src/core/slices.js';
import { DEFAULT_MAX_PEERS, type SharedState } from '../../src/dataplane/overlay.js';
import { type Address, type Family, type Prefix, V4_MAPPED } from '../../src/wire/address.js';
import { encapsulationPrefix } from '../../src/wire/vxlan.js';

export interface Size {
  readonly name: string;
  readonly peers: number;
  /** Pod prefixes of a peer in each family. */
  readonly perFamily: number;
}

export const SIZES: readonly Size[] = [
  { name: '2 peers', peers: 2, perFamily: 1 },
  { name: '100 peers', peers: 100, perFamily: 1 },
  { name: '10,000 peers', peers: 10_000, perFamily: 1 },
  { name: '10,000 peers, 100,000 prefixes', peers: 10_000, perFamily: 5 },
];

export const OWN_MAC = macFromName('own');
export const PEER_MAC = macFromName('peer');
const VNI = 1;
const PORT = 8472;
/** 10.0.0.0, 172.16.0.0 and 192.168.0.0: peers' pods, underlay, our own pods. */
const [PODS, UNDERLAY, OWN] = [0x0a00_0000, 0xac10_0000 | 0, 0xc0a8_0000 | 0];
/** The same in IPv6: fd00:244:… and fd00:245::. */
const [PODS6, OWN6] = [0xfd00_0244 | 0, 0xfd00_0245 | 0];
const HOST = 9;

export class Population {
  readonly size: Size;
  readonly table: ForwardingTable;
  /** Crosses to a worker. */
  readonly shared: SharedState;

  private constructor(size: Size, schedule: Schedule | undefined) {
    this.size = size;
    this.table = ForwardingTable.create({ readers: 1, ...(schedule && { schedule }) });
    this.shared = {
      forwarding: this.table.memory,
      counters: new CounterTable(1, DEFAULT_MAX_PEERS).memory,
      pathMtus: new PathMtuTable(DEFAULT_MAX_PEERS, 576).memory,
      workers: 1,
      maxPeers: DEFAULT_MAX_PEERS,
      vtep: { vni: VNI, mac: OWN_MAC, dscp: 0, mtu: 65_535 },
      pathFloor: 576,
    };
  }

  static async of(size: Size, schedule?: Schedule): Promise<Population> {
    const population = new Population(size, schedule);
    await population.table.apply([...own(), ...peers(size)]);
    return population;
  }

  /** Pod prefixes of a family, numbered from 0. */
  get targets(): number {
    return this.size.peers * this.size.perFamily;
  }
}

/** The peer of a target. */
export function peerOf(target: number, { perFamily }: Size): number {
  return 1 + Math.floor(target / perFamily);
}

/** Words of a pod's address in a target, mapped form; of our own pod, for -1. */
export function podWords(target: number, family: Family): [number, number, number, number] {
  if (target < 0) return family === 4 ? [0, 0, V4_MAPPED, OWN | HOST] : [OWN6, 0, 0, HOST];
  return family === 4 ? [0, 0, V4_MAPPED, PODS + (target << 8) + HOST] : [PODS6, target, 0, HOST];
}

/** Last word of a peer's underlay address; the others are those of any mapped address. */
export function underlayWord(peer: number): number {
  return UNDERLAY + peer;
}

function underlayOf(peer: number): Address {
  return { family: 4, words: [0, 0, V4_MAPPED, underlayWord(peer)] };
}

function record(peer: number): PeerRecord {
  const prefix = encapsulationPrefix(VNI, PEER_MAC, OWN_MAC);
  return { underlay: underlayOf(peer), port: PORT, prefix, ecn: false, overlay: [] };
}

function podPrefix(target: number, family: Family): Prefix {
  const [a, b, c, d] = podWords(target, family);
  return family === 4
    ? { family, words: [a, b, c, d & ~0xff], length: 24 }
    : { family, words: [a, b, 0, 0], length: 64 };
}

function own(): ForwardingChange[] {
  return [
    { kind: 'setPeer', peer: SELF, record: record(SELF) },
    { kind: 'setPrefix', prefix: { ...underlayOf(SELF), length: 32 }, peer: SELF, underlay: true },
    { kind: 'setPrefix', prefix: podPrefix(-1, 4), peer: SELF, underlay: false },
    { kind: 'setPrefix', prefix: podPrefix(-1, 6), peer: SELF, underlay: false },
  ];
}

/** @param shift gives each peer's prefixes to one so many further */
export function peers(size: Size, shift = 0): ForwardingChange[] {
  const changes: ForwardingChange[] = [];
  for (let peer = 1; peer <= size.peers; peer++) {
    changes.push({ kind: 'setPeer', peer, record: record(peer) });
    changes.push({ kind: 'setPrefix', prefix: { ...underlayOf(peer), length: 32 }, peer, underlay: true });
  }
  return [...changes, ...prefixes(size, shift)];
}

/** Pod prefixes alone; with a shift each belongs to another peer than before. */
export function prefixes(size: Size, shift = 0): ForwardingChange[] {
  return Array.from({ length: size.peers * size.perFamily }, (_, target) => {
    const peer = 1 + ((peerOf(target, size) - 1 + shift) % size.peers);
    return ([4, 6] as const).map(
      (family): ForwardingChange => ({
        kind: 'setPrefix',
        prefix: podPrefix(target, family),
        peer,
        underlay: false,
      }),
    );
  }).flat();
}
