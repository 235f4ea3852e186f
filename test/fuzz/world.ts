/** The node that is fuzzed, its two peers, and what is counted where. */
import { twins } from '../../src/bytes/index.js';
import { COUNTERS, type CounterName } from '../../src/core/counters.js';
import type { DeviceEdge, UnderlayEdge } from '../../src/dataplane/edges.js';
import { Overlay, pathContext } from '../../src/dataplane/overlay.js';
import type { Peer } from '../../src/dataplane/peers.js';
import { Pipeline } from '../../src/dataplane/pipeline.js';
import type { PathContext } from '../../src/dataplane/vtep.js';
import { prefixContains } from '../../src/wire/address.js';
import type { IpView } from '../../src/wire/ip.js';
import { peer } from '../unit/dataplane/two-nodes.js';

export const VNI = 1;
export const PORT = 8472;
export const MTU = 1450;
export const ALPHA = peer('alpha', '192.0.2.1', '10.244.1.0/24', 'fd00:244:1::/64');
export const BRAVO = peer('bravo', '198.51.100.1', '10.244.2.0/24', 'fd00:244:2::/64');
export const CHARLIE = peer('charlie', '203.0.113.1', '10.244.3.0/24', 'fd00:244:3::/64');

/** Pods that mutated packets are about, and one of each node that only the good flow is of. */
export const PODS = {
  alpha: ['10.244.1.10', 'fd00:244:1::10'],
  bravo: ['10.244.2.10', 'fd00:244:2::10'],
  charlie: ['10.244.3.10', 'fd00:244:3::10'],
} as const;
export const GOOD = { alpha: '10.244.1.200', bravo: '10.244.2.200' };

export interface FuzzedNode {
  readonly self: Peer;
  readonly context: PathContext;
  readonly pipeline: Pipeline;
}

export async function makeNode(
  self: Peer,
  device: DeviceEdge,
  underlay: UnderlayEdge,
  now: () => number,
  onProbe?: (peer: number, frame: Uint8Array) => void,
): Promise<FuzzedNode> {
  const overlay = await Overlay.create({
    self,
    vxlan: { vni: VNI, port: PORT },
    mtu: MTU,
    workers: 1,
    maxPeers: 8,
    maxPrefixes: 64,
  });
  await overlay.setPeers([ALPHA, BRAVO, CHARLIE].filter((peer) => peer !== self));
  const context = pathContext(overlay.shared, 0, twins, now, onProbe);
  return { self, context, pipeline: new Pipeline(device, underlay, context) };
}

const NAMES = Object.keys(COUNTERS) as CounterName[];
/** Where a received datagram may end without being dropped. */
const GOOD_ENDS: readonly CounterName[] = ['rx_frames', 'rx_neighbour_answered', 'rx_probes'];
/** What is counted of frames that were accepted before. */
const AFTERWARDS: readonly CounterName[] = ['rx_no_room'];

/** Counters one of which each received datagram adds to. */
export const RX_ENDS = NAMES.filter(
  (name) =>
    name.startsWith('rx_') &&
    !AFTERWARDS.includes(name) &&
    (GOOD_ENDS.includes(name) || COUNTERS[name].startsWith('dropped')),
);
/** Counters one of which each packet read from the device adds to, unless frames of it were made. */
export const TX_DROPS = NAMES.filter((name) => name.startsWith('tx_') && COUNTERS[name].startsWith('dropped'));
/** Frames that were made and not sent. */
export const TX_UNSENT = NAMES.filter((name) => name.startsWith('tx_') && COUNTERS[name].startsWith('frames dropped'));

/** What the counters have gained since the last look. */
export class Gains {
  readonly #row: Float64Array;
  readonly #before: Float64Array;
  readonly #gain: Float64Array;

  constructor(row: Float64Array) {
    this.#row = row;
    this.#before = Float64Array.from(row);
    this.#gain = new Float64Array(row.length);
  }

  look(): void {
    for (let i = 0; i < this.#row.length; i++) {
      this.#gain[i] = this.#row[i] - this.#before[i];
      this.#before[i] = this.#row[i];
    }
  }

  of(name: CounterName): number {
    return this.#gain[NAMES.indexOf(name)];
  }

  sum(names: readonly CounterName[]): number {
    let sum = 0;
    for (const name of names) sum += this.of(name);
    return sum;
  }

  /** The names of those that gained. */
  inWords(): string {
    return NAMES.filter((_, i) => this.#gain[i] !== 0).join(' ');
  }

  numbers(): string {
    return NAMES.filter((_, i) => this.#gain[i] !== 0)
      .map((name) => `${name} ${this.of(name)}`)
      .join(', ');
  }
}

const PREFIXES = [ALPHA, BRAVO, CHARLIE].map((owner) => ({
  owner,
  prefixes: [...owner.podCidr, { ...owner.underlay, length: owner.underlay.family === 4 ? 32 : 128 }],
}));

/** Whose an address is, looked up as plainly as can be. */
export function ownerOf(view: IpView, which: 'source' | 'destination'): Peer | undefined {
  const words =
    which === 'source'
      ? ([view.src0, view.src1, view.src2, view.src3] as const)
      : ([view.dst0, view.dst1, view.dst2, view.dst3] as const);
  const address = { family: view.version, words };
  return PREFIXES.find(({ prefixes }) =>
    prefixes.some((prefix) => prefix.family === address.family && prefixContains(prefix, address)),
  )?.owner;
}
