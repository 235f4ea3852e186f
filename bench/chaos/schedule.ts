/** Which fault comes when, from a seed: pure. The same seed gives the same faults, of any length of run a prefix. */
import { type Random, seededRandom } from '../../src/core/random.js';

export type Fault =
  /** The router loses packets at random: of the overlay only, or of gossip too. */
  | { readonly kind: 'loss'; readonly percent: number; readonly everything: boolean }
  /** Part of a port's packets takes a slow way. */
  | { readonly kind: 'reordering'; readonly host: string; readonly percent: number }
  | { readonly kind: 'duplication'; readonly percent: number }
  /** To and from a host only so large packets go; bytes. The router says so, or its words are lost. */
  | { readonly kind: 'narrow'; readonly host: string; readonly mtu: number; readonly told: boolean }
  | { readonly kind: 'link-down'; readonly host: string }
  /** Hosts on one side; the rest is the other. */
  | { readonly kind: 'partition'; readonly hosts: readonly string[] }
  | { readonly kind: 'stop'; readonly host: string }
  | { readonly kind: 'kill'; readonly host: string }
  | { readonly kind: 'freeze'; readonly host: string };

export type FaultKind = Fault['kind'];

export interface Round {
  readonly fault: Fault;
  /** How long it lasts, or the node is away, ms. */
  readonly lastsMs: number;
  /** When it has ended, every flow must make progress within so long, ms; TCP: see recovery.ts. */
  readonly recoveryMs: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  /** Names. The last one is never stopped or killed, so that one life lasts as long as the run. */
  readonly hosts: readonly string[];
  /** Also narrow links whose ICMP errors are swallowed. */
  readonly swallow: boolean;
}

const RECOVERY = 10_000;
/** Nodes that have declared each other dead must find each other again. */
const PARTITION_RECOVERY = 30_000;

/** Endless. Every kind comes once before any comes again. */
export function* schedule({ seed, hosts, swallow }: ScheduleOptions): Generator<Round, never> {
  const random = seededRandom(seed);
  const makers: ((random: Random, hosts: readonly string[]) => Round)[] = [
    loss,
    reordering,
    duplication,
    narrowTold,
    ...(swallow ? [narrowUntold] : []),
    linkDown,
    partition,
    stop,
    kill,
    freeze,
  ];
  for (;;) for (const make of shuffled(makers, random)) yield make(random, hosts);
}

export const FAULT_KINDS: readonly FaultKind[] = [
  'loss',
  'reordering',
  'duplication',
  'narrow',
  'link-down',
  'partition',
  'stop',
  'kill',
  'freeze',
];

/** Rounds of some kinds. Endless rounds must have one of them. */
export function* only(kinds: ReadonlySet<string>, rounds: Iterable<Round>): Generator<Round> {
  for (const round of rounds) if (kinds.has(round.fault.kind)) yield round;
}

/** In words. */
export function describe(fault: Fault): string {
  switch (fault.kind) {
    case 'loss':
      return `${fault.percent} % loss of ${fault.everything ? 'everything' : 'the overlay'}`;
    case 'reordering':
      return `${fault.percent} % to ${fault.host} out of order`;
    case 'duplication':
      return `${fault.percent} % twice`;
    case 'narrow':
      return `MTU ${fault.mtu} at ${fault.host}, ICMP ${fault.told ? 'delivered' : 'swallowed'}`;
    case 'link-down':
      return `link of ${fault.host} down`;
    case 'partition':
      return `partition of ${fault.hosts.join(' and ')}`;
    case 'stop':
      return `${fault.host} stopped and started`;
    case 'kill':
      return `${fault.host} killed and started`;
    case 'freeze':
      return `${fault.host} frozen`;
  }
}

/** Must flows make progress even while it lasts? */
export function isBearable(fault: Fault): boolean {
  return fault.kind === 'duplication' || fault.kind === 'reordering' || fault.kind === 'narrow';
}

function loss(random: Random): Round {
  const percent = between(random, 1, 25);
  return round({ kind: 'loss', percent, everything: random() < 0.5 }, between(random, 6_000, 12_000));
}

function reordering(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'reordering', host: one(random, hosts), percent: between(random, 2, 20) }, 12_000);
}

function duplication(random: Random): Round {
  return round({ kind: 'duplication', percent: between(random, 2, 30) }, 12_000);
}

function narrowTold(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'narrow', host: one(random, hosts), mtu: between(random, 1_350, 1_480), told: true }, 14_000);
}

function narrowUntold(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'narrow', host: one(random, hosts), mtu: between(random, 1_350, 1_480), told: false }, 20_000);
}

function linkDown(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'link-down', host: one(random, hosts) }, between(random, 1_000, 8_000));
}

function partition(random: Random, hosts: readonly string[]): Round {
  const side = shuffled(hosts, random).slice(0, between(random, 1, hosts.length >> 1));
  return { fault: { kind: 'partition', hosts: side.sort() }, lastsMs: 20_000, recoveryMs: PARTITION_RECOVERY };
}

function stop(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'stop', host: one(random, hosts.slice(0, -1)) }, between(random, 0, 6_000));
}

function kill(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'kill', host: one(random, hosts.slice(0, -1)) }, between(random, 0, 6_000));
}

function freeze(random: Random, hosts: readonly string[]): Round {
  return round({ kind: 'freeze', host: one(random, hosts) }, between(random, 500, 8_000));
}

function round(fault: Fault, lastsMs: number): Round {
  return { fault, lastsMs, recoveryMs: RECOVERY };
}

/** A whole number, both ends possible. */
function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

function one<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)];
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list];
  return list.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]);
}
