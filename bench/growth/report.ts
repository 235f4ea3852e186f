/** What was measured, as tables and charts: pure. */
import { median } from '../../src/bench/statistics.js';
import { type Curve, chartSvg } from '../../src/sim/curves.js';
import { markdownTable } from '../markdown.js';
import type { HostsCase, HostsSample } from './hosts.js';
import type { Case } from './lookups.js';
import { SIZES } from './population.js';
import type { Memory, PeerChange, Switch } from './switches.js';
import { growths, TOLERATED } from './verdict.js';

export interface Results {
  readonly machine: string;
  readonly lookups?: readonly Case[];
  readonly memory?: readonly Memory[];
  /** Of each round, one of each size. */
  readonly switches?: readonly (readonly Switch[])[];
  readonly peers?: readonly (readonly PeerChange[])[];
  readonly hosts?: readonly HostsCase[];
}

export function tables(results: Results): string {
  const { lookups = [], memory = [], switches = [], peers = [], hosts = [] } = results;
  return [
    ...(lookups.length > 0 ? [byTable(lookups), byBytes(lookups), verdict(lookups)] : []),
    ...(memory.length > 0 ? [memoryTable(memory, switches)] : []),
    ...(peers.length > 0 ? [peersTable(peers)] : []),
    ...(hosts.length > 0 ? [hostsTable(hosts)] : []),
  ].join('\n\n');
}

/** File names and contents. */
export function charts({ lookups = [], hosts = [] }: Results): Record<string, string> {
  const found: Record<string, string> = {};
  if (lookups.length > 0) {
    found['targets.svg'] = chartSvg({
      title: 'A packet of 64 bytes, by the number of prefixes that packets go to',
      x: 'prefixes in turn, at random',
      y: 'ns of CPU',
      logX: true,
      curves: SIZES.slice(2).flatMap(({ name }) =>
        (['out', 'in'] as const).map((way) =>
          curve(`${way}: ${name.replace(/^.*, /, '')}`, pick(lookups, way, 4, name), ({ targets }) => targets),
        ),
      ),
    });
    found['bytes.svg'] = chartSvg({
      title: 'A packet, by its size (above 8,950 bytes: superpackets)',
      x: 'bytes',
      y: 'ns of CPU',
      logX: true,
      curves: (['out', 'in'] as const).map((way) => curve(way, sized(lookups, way), ({ bytes }) => bytes)),
    });
  }
  if (hosts.length > 0) {
    const workers = [...new Set(hosts.map((one) => one.workers))];
    found['mtu.svg'] = chartSvg({
      title: 'Two hosts, laboratory cable: TCP by the MTU of the underlay',
      x: 'MTU, bytes',
      y: 'Gbit/s',
      curves: workers.flatMap((count) =>
        (['tcp1', 'tcp4'] as const).map((figure) => ({
          name: `${figure === 'tcp1' ? 1 : 4} streams, ${count} w.`,
          points: hosts
            .filter((one) => one.workers === count)
            .map(({ mtu, rounds }) => [mtu, median(rounds.map((sample) => sample[figure]))] as const),
        })),
      ),
    });
  }
  return found;
}

function curve(name: string, cases: readonly Case[], x: (one: Case) => number): Curve {
  return { name, points: cases.map((one) => [x(one), median(one.rounds)] as const) };
}

function pick(cases: readonly Case[], way: Case['way'], family: Case['family'], table: string): Case[] {
  return cases
    .filter((one) => one.bytes === 64 && one.way === way && one.family === family && one.table === table)
    .sort((a, b) => a.targets - b.targets);
}

/** Of all sizes, between as few peers as there are. */
function sized(cases: readonly Case[], way: Case['way']): Case[] {
  const largest = SIZES[SIZES.length - 1].name;
  return cases
    .filter((one) => one.way === way && one.family === 4 && one.table === largest && one.targets <= 2)
    .filter(({ bytes, targets }) => bytes > 64 || targets === 2)
    .sort((a, b) => a.bytes - b.bytes);
}

/** Median (least–most). */
function cell(values: readonly number[], digits = 0): string {
  const text = (value: number) => value.toFixed(digits);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}

function byTable(cases: readonly Case[]): string {
  const columns = (['out', 'in'] as const).flatMap((way) => ([4, 6] as const).map((family) => ({ way, family })));
  const head = ['table', 'prefixes in turn', ...columns.map(({ way, family }) => `${way}, IPv${family}`)];
  const rows = SIZES.flatMap(({ name }) =>
    pick(cases, 'out', 4, name).map(({ targets }) => [
      name,
      targets.toLocaleString('en'),
      ...columns.map(({ way, family }) =>
        cell(pick(cases, way, family, name).find((one) => one.targets === targets)?.rounds ?? []),
      ),
    ]),
  );
  return markdownTable(head, rows);
}

function byBytes(cases: readonly Case[]): string {
  const rows = (['out', 'in'] as const).flatMap((way) =>
    sized(cases, way).map(({ bytes, rounds }) => [
      way,
      bytes.toLocaleString('en'),
      cell(rounds),
      ((bytes * 8) / median(rounds)).toFixed(1),
    ]),
  );
  return markdownTable(['way', 'bytes', 'ns', 'Gbit/s that would be'], rows);
}

function verdict(cases: readonly Case[]): string {
  const all = growths(cases);
  const rows = all.map((one) => [
    `${one.way}, IPv${one.family}`,
    one.targets.toLocaleString('en'),
    one.table,
    one.comparedWith,
    `${one.ratio.toFixed(2)} (${one.least.toFixed(2)}–${one.most.toFixed(2)})`,
  ]);
  const worst = Math.max(...all.map(({ ratio }) => ratio));
  const words =
    worst <= TOLERATED
      ? `no cost grows by more than a tenth with the table: ${worst.toFixed(2)} at most`
      : `A COST GROWS WITH THE TABLE: ${worst.toFixed(2)}`;
  return `${markdownTable(['', 'prefixes in turn', 'table', 'compared with', 'ratio'], rows)}\n\n${words}`;
}

function memoryTable(memory: readonly Memory[], switches: readonly (readonly Switch[])[]): string {
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const rows = memory.map(({ table, prefixes, reservedBytes, touchedBytes }) => {
    const rounds = switches.flat().filter((one) => one.table === table);
    return [
      table,
      prefixes.toLocaleString('en'),
      `${mib(touchedBytes)} of ${mib(reservedBytes)}`,
      rounds.length > 0 ? rounds[0].prefixes.toLocaleString('en') : '',
      cell(
        rounds.map(({ ms }) => ms),
        1,
      ),
      cell(
        rounds.map(({ longestSliceMs }) => longestSliceMs),
        1,
      ),
      cell(rounds.map(({ before, meanwhile }) => (100 * meanwhile) / before)),
    ];
  });
  const head = ['table', 'prefixes', 'memory (MiB)', 'change their owner', 'ms', 'longest at once (ms)'];
  return markdownTable([...head, 'packets meanwhile (% of before)'], rows);
}

function peersTable(rounds: readonly (readonly PeerChange[])[]): string {
  const [first = []] = rounds;
  const rows = first.map(({ what }, i) => [
    what,
    cell(rounds.map((round) => round[i].ms)),
    cell(
      rounds.map((round) => round[i].longestMs),
      1,
    ),
  ]);
  return markdownTable(['`Overlay.setPeers`', 'ms', 'longest at once (ms)'], rows);
}

function hostsTable(hosts: readonly HostsCase[]): string {
  const of = (rounds: readonly HostsSample[], figure: keyof HostsSample, digits: number) =>
    cell(
      rounds.map((sample) => sample[figure]),
      digits,
    );
  const rows = hosts.map(({ mtu, workers, rounds }) => [
    String(mtu),
    String(workers),
    of(rounds, 'tcp1', 2),
    of(rounds, 'tcp4', 2),
    of(rounds, 'cpuPerGb', 2),
    of(rounds, 'udp64', 0),
  ]);
  return markdownTable(['MTU', 'workers', 'TCP 1 (Gbit/s)', 'TCP 4', 'CPU (s/GB)', 'UDP 64 B (k/s)'], rows);
}
