/** What a run of faults came to, as JSON and in words: pure. */
import { markdownTable } from '../markdown.js';
import type { Imbalance } from './findings.js';
import type { Balance } from './ledger.js';
import type { LifeVerdict } from './memory.js';
import type { Progress } from './recovery.js';
import { describe, type Fault, type FaultKind, type Round } from './schedule.js';

/** By then a path that swallows ICMP has been measured (docs/path-mtu.md), and TCP has tried again, ms. */
const MEASURED_AFTER = 15_000;

/** `Progress` with names. */
type Moved = Omit<Progress, 'stuck'> & { readonly stuck: readonly string[] };

export interface RoundOutcome {
  readonly round: Round;
  /** Since the run began. */
  readonly seconds: number;
  /** From the fault's begin until all of it was undone; a node that was away was ready again. */
  readonly outageMs: number;
  /** While it lasted; absent where flows may rest. */
  readonly during?: Moved;
  readonly after: Moved;
  /** Nodes that ended by themselves. */
  readonly lostNodes: readonly string[];
  readonly balance: Balance;
  /** Present if a flow was stuck, or a packet unaccounted. */
  readonly evidence?: readonly object[];
}

export interface Outcome {
  readonly machine: string;
  readonly seed: number;
  readonly minutes: number;
  readonly passed: boolean;
  readonly failures: readonly string[];
  readonly rounds: readonly RoundOutcome[];
  readonly transfers: {
    readonly completed: number;
    readonly bytes: number;
    readonly broken: Readonly<Record<string, number>>;
    readonly damaged: number;
  };
  readonly lives: readonly LifeVerdict[];
}

/** All that must not be, one line each. */
export function failures(rounds: readonly RoundOutcome[], lives: readonly LifeVerdict[], damaged: number): string[] {
  const found: string[] = [];
  for (const { round, seconds, outageMs, during, after, lostNodes, balance } of rounds) {
    const at = `${seconds} s, ${describe(round.fault)}`;
    // Where nobody tells of a narrow link, packets are lost until probes have measured it.
    const judged = !(round.fault.kind === 'narrow' && !round.fault.told) || outageMs > MEASURED_AFTER;
    for (const flow of (judged && during?.stuck) || []) found.push(`${at}: ${flow} stood while it lasted`);
    for (const flow of after.stuck) found.push(`${at}: ${flow} stuck ${after.slowestMs / 1000} s after its end`);
    for (const node of lostNodes) found.push(`${at}: ${node} ended by itself`);
    for (const one of balance.unaccounted) found.push(`${at}: ${inWords(one)}`);
    if (balance.duplicatedByUs > 0) found.push(`${at}: ${balance.duplicatedByUs} datagrams came twice, by us`);
  }
  if (damaged > 0) found.push(`${damaged} datagrams or transfers were damaged`);
  for (const { node, life, verdict, rss, heap } of lives) {
    if (verdict !== 'grows') continue;
    const [resident, used] = [rss, heap].map(({ perMinute }) => perMinute.toFixed(0));
    found.push(`${node}, life ${life}: memory grows, resident by ${resident} KiB a minute, the heap by ${used}`);
  }
  return found;
}

function inWords({ stage, where, packets }: Imbalance): string {
  return packets < 0
    ? `${-packets} packets too many, ${stage}, ${where}`
    : `${packets} packets unaccounted, ${stage}, ${where}`;
}

/** Tables for a README. */
export function markdown({ rounds, lives, transfers, failures: found, seed, minutes, machine }: Outcome): string {
  const kinds = [...new Set(rounds.map(({ round }) => kindOf(round.fault)))].sort();
  const byKind = kinds.map((kind) => {
    const of = rounds.filter(({ round }) => kindOf(round.fault) === kind);
    const sum = (amount: (balance: Balance) => number) => of.reduce((total, { balance }) => total + amount(balance), 0);
    const slowest = Math.max(...of.map(({ after }) => after.slowestMs)) / 1000;
    const way = Math.max(...of.map(({ after }) => after.wayMs)) / 1000;
    const lost = sum(({ sent, received }) => sent - received);
    const stuck = of.reduce((total, { after }) => total + after.stuck.length, 0);
    const away = sum(({ unaccounted }) => unaccounted.reduce((total, { packets }) => total + Math.abs(packets), 0));
    return [
      kind,
      of.length,
      way.toFixed(1),
      slowest.toFixed(1),
      stuck,
      sum(({ sent }) => sent),
      lost,
      sum(({ lost: { network } }) => Math.max(0, network)),
      sum(({ lost: { host, sending, receiving } }) => host + sending + receiving),
      sum(({ duplicates }) => duplicates),
      sum(({ late }) => late),
      sum(({ inFlight }) => inFlight),
      away,
    ];
  });
  const long = lives.filter(({ verdict }) => verdict !== 'too short');
  const mib = (kib: number) => (kib / 1024).toFixed(1);
  const slope = ({ perMinute, error }: { perMinute: number; error: number }) =>
    `${perMinute.toFixed(1)} ± ${(2 * error).toFixed(1)}`;
  return [
    `${machine}; ${minutes.toFixed(1)} minutes, seed ${seed}, ${rounds.length} faults`,
    '',
    markdownTable(
      'fault,times,slowest recovery (s),of TCP,stuck flows,datagrams sent,lost,by the router,at nodes,twice,late,in flight at an end,unaccounted'.split(
        ',',
      ),
      byKind,
    ),
    '',
    markdownTable(
      'node,life,minutes,RSS first (MiB),last,most,RSS (KiB a minute),heap in use first (MiB),last,heap (KiB a minute),open files at the end,most,verdict'.split(
        ',',
      ),
      long.map((life) => [
        life.node,
        life.life,
        life.minutes,
        mib(life.rssFirst),
        mib(life.rssLast),
        mib(life.rssMost),
        slope(life.rss),
        mib(life.heapFirst),
        mib(life.heapLast),
        slope(life.heap),
        life.filesLast,
        life.filesMost,
        life.verdict,
      ]),
    ),
    '',
    `${lives.length} lives, of which ${long.length} long enough to judge. TCP: ${transfers.completed} transfers whole, ` +
      `${(transfers.bytes / 2 ** 30).toFixed(2)} GiB, ${JSON.stringify(transfers.broken)} broken, ${transfers.damaged} damaged.`,
    '',
    ...(found.length === 0 ? ['Nothing stuck, damaged or unaccounted.'] : found.map((line) => `- ${line}`)),
    '',
  ].join('\n');
}

function kindOf(fault: Fault): FaultKind | 'narrow, untold' {
  return fault.kind === 'narrow' && !fault.told ? 'narrow, untold' : fault.kind;
}
