/** Every node and pod pings every pod on other hosts, over IPv4 and IPv6, all at once. */
import type { LabHost, Place } from '../../lab/plan.js';
import type { PingReport } from './report.js';
import { pad, type Screen } from './screen.js';

const ATTEMPTS = 3;
const CELL = 16;

/** Returns the round trip in milliseconds; undefined without an answer. */
export type Probe = (from: Place, address: string) => Promise<number | undefined>;

/** Fills the table, redrawing it as answers come. */
export async function pingAll(hosts: readonly LabHost[], probe: Probe, screen: Screen): Promise<PingReport[]> {
  const report: PingReport[] = [];
  const pings = hosts.flatMap((host) =>
    [host, ...host.pods].flatMap((source) =>
      hosts
        .filter((other) => other !== host)
        .flatMap((other) => other.pods)
        .flatMap((target) =>
          target.addresses.map(async (address, index) => {
            const ping: PingReport = {
              from: source.name,
              to: target.name,
              address,
              family: index === 0 ? 4 : 6,
              rttMs: null,
              attempts: 0,
            };
            report.push(ping);
            for (let attempt = 1; attempt <= ATTEMPTS && ping.rttMs === null; attempt++) {
              ping.rttMs = (await probe(source, address)) ?? null;
              ping.attempts = attempt;
            }
            screen.block(table(hosts, report, screen), false);
          }),
        ),
    ),
  );
  await Promise.all(pings);
  screen.block(table(hosts, report, screen), true);
  return report;
}

/** A row for each source, a column for each pod; in a cell IPv4, then IPv6. */
function table(hosts: readonly LabHost[], report: readonly PingReport[], screen: Screen): string[] {
  const pods = hosts.flatMap((host) => host.pods);
  const rows = hosts.flatMap((host) => [host, ...host.pods]);
  const cell = (from: string, to: string) => {
    const pings = report.filter((ping) => ping.from === from && ping.to === to);
    return pings.length === 0 ? screen.style('dim', '-') : pings.map((ping) => outcome(ping, screen)).join('  ');
  };
  const line = (first: string, cells: string[]) =>
    `   ${pad(first, 15)}${cells.map((text) => pad(text, CELL)).join('  ')}`.trimEnd();
  return [
    line(
      'ms, v4 and v6',
      pods.map((pod) => `to ${pod.name}`),
    ),
    ...rows.map((row) =>
      line(
        row.name,
        pods.map((pod) => cell(row.name, pod.name)),
      ),
    ),
  ];
}

function outcome(ping: PingReport, screen: Screen): string {
  if (ping.rttMs !== null) return `${screen.mark(true)} ${ping.rttMs.toFixed(ping.rttMs < 10 ? 2 : 0)}`;
  return ping.attempts === ATTEMPTS ? `${screen.mark(false)} none` : screen.style('dim', '… …   ');
}
