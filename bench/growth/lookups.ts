/** The packet path between edges that never wait, by what is in the table and by where packets go. */
import { C, COUNTER_NAMES, isDrop } from '../../src/core/counters.js';
import { seededRandom } from '../../src/core/random.js';
import { pathContext } from '../../src/dataplane/overlay.js';
import { Pipeline } from '../../src/dataplane/pipeline.js';
import type { PathContext } from '../../src/dataplane/vtep.js';
import { byteWork } from '../../src/os/native.js';
import type { Family } from '../../src/wire/address.js';
import { Population, SIZES } from './population.js';
import { type Load, NOTHING, ScatterDevice, ScatterUnderlay } from './scatter.js';
import { inward, outward, superpacketInward, superpacketOutward, type Template } from './templates.js';

export interface Case {
  readonly way: 'out' | 'in';
  readonly family: Family;
  /** Bytes of an IP packet. */
  readonly bytes: number;
  readonly table: string;
  /** Different targets that packets go to or come from. */
  readonly targets: number;
  /** Of each round, ns of CPU a packet; a superpacket is one. */
  readonly rounds: number[];
}

interface Running extends Case {
  readonly stand: Stand;
  readonly load: Load;
  /** Packets a turn. */
  readonly packets: number;
}

const SMALL = 64;
const PACKETS = 32;
/** Packet sizes from 64 to 64 Ki; those above an MTU of 9000 are superpackets. */
const BYTES: readonly number[] = [64, 128, 256, 512, 1024, 1450, 4096, 8950, 16_384, 65_535];
const LARGEST_PACKET = 8950;
/** 45 segments: as much as one UDP message brings. */
const LARGEST_MESSAGE = 62_140;
/** Long enough that a cache does not know what comes next. */
const SEQUENCE = 1 << 18;
const ROUND_MS = 40;
/** Between two looks at the clock. */
const TURNS = 50;
const WARM_UP_MS = 150;
const SEED = 4711;

/** A table and the path over it. */
class Stand {
  readonly population: Population;
  readonly #device: ScatterDevice;
  readonly #underlay: ScatterUnderlay;
  readonly #pipeline: Pipeline;
  readonly #context: PathContext;

  constructor(population: Population) {
    this.population = population;
    this.#device = new ScatterDevice(population.size);
    this.#underlay = new ScatterUnderlay(population.size);
    this.#context = pathContext(population.shared, 0, byteWork(), () => 0);
    this.#pipeline = new Pipeline(this.#device, this.#underlay, this.#context);
  }

  /** ns of CPU a turn. @throws Error if a packet was dropped: something else would be measured than was meant */
  measure({ way, load }: Running, ms: number): number {
    const { counters } = this.#context;
    this.#device.hand(way === 'out' ? load : NOTHING);
    this.#underlay.hand(way === 'in' ? load : NOTHING);
    for (let i = 0; i < 20; i++) this.#pipeline.turn();
    counters.fill(0);
    let turns = 0;
    let worked = 0;
    // CPU time: what others on the machine do in between is not podwire's.
    for (const before = process.cpuUsage(); worked < ms * 1000; turns += TURNS) {
      for (let i = 0; i < TURNS; i++) this.#pipeline.turn();
      const { user, system } = process.cpuUsage(before);
      worked = user + system;
    }
    this.#pipeline.rest();
    const lost = DROPS.filter((name) => counters[C[name]] > 0);
    if (lost.length > 0 || counters[C.tx_frames] + counters[C.rx_frames] === 0) throw new Error(`dropped: ${lost}`);
    return (worked * 1000) / turns;
  }
}

const DROPS = COUNTER_NAMES.filter(isDrop);

/** Measures all cases, `rounds` times one after the other. */
export async function measureLookups(rounds: number, progress: (words: string) => void): Promise<Case[]> {
  const stands: Stand[] = [];
  for (const size of SIZES) stands.push(new Stand(await Population.of(size)));
  const cases = [...stands.flatMap(byTable), ...byBytes(stands[stands.length - 1])];
  for (const one of cases) one.stand.measure(one, WARM_UP_MS);
  for (let round = 1; round <= rounds; round++) {
    progress(`lookups, round ${round} of ${rounds}`);
    for (const one of cases) one.rounds.push(one.stand.measure(one, ROUND_MS) / one.packets);
  }
  return cases.map(({ stand: _, load: __, packets: ___, ...rest }) => rest);
}

/** One flow, two peers in turn, and all; in the largest table also as many as smaller ones have. */
function byTable(stand: Stand): Running[] {
  const { targets } = stand.population;
  const most = SIZES[SIZES.length - 1];
  const smaller = SIZES.map(({ peers, perFamily }) => peers * perFamily);
  const sets = stand.population.size === most ? [1, ...smaller] : [1, 2, targets];
  return [...new Set(sets)].flatMap((count) =>
    ([4, 6] as const).flatMap((family) => [
      running(stand, 'out', family, SMALL, count, outward(family, SMALL)),
      running(stand, 'in', family, SMALL, count, inward(family, SMALL)),
    ]),
  );
}

/** Between two peers in turn, so that no two packets become one message; superpackets with one peer, which fill a message. */
function byBytes(stand: Stand): Running[] {
  return BYTES.flatMap((bytes) =>
    bytes <= LARGEST_PACKET
      ? [running(stand, 'out', 4, bytes, 2, outward(4, bytes)), running(stand, 'in', 4, bytes, 2, inward(4, bytes))]
      : [
          running(stand, 'out', 4, bytes, 1, superpacketOutward(bytes)),
          inMessages(stand, Math.min(bytes, LARGEST_MESSAGE)),
        ],
  ).filter(({ bytes }) => bytes !== SMALL);
}

function inMessages(stand: Stand, bytes: number): Running {
  return running(stand, 'in', 4, bytes, 1, superpacketInward(bytes));
}

function running(
  stand: Stand,
  way: 'out' | 'in',
  family: Family,
  bytes: number,
  targets: number,
  template: Template,
): Running {
  const count = bytes > LARGEST_PACKET ? 4 : PACKETS;
  const load = { ...template, family, count, targets: sequence(targets, stand.population.targets) };
  const table = stand.population.size.name;
  return { way, family, bytes, table, targets, rounds: [], stand, load, packets: count };
}

/** Random ones of `count` targets that lie evenly among all; never one twice in a row, unless there is but one. */
export function sequence(count: number, all: number): Int32Array {
  const random = seededRandom(SEED);
  const chosen = Int32Array.from({ length: count }, (_, i) => Math.floor((i * all) / count));
  if (count <= 2) return chosen;
  let last = -1;
  return Int32Array.from({ length: SEQUENCE }, () => {
    let index = last;
    while (index === last) index = Math.floor(random() * count);
    last = index;
    return chosen[index];
  });
}
