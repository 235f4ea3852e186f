/** The members of a cluster as a table. Pure. */
import type { DataPathStatus, MemberStatus } from '../control/node-api.js';
import type { Look, Style } from './output.js';
import { type Cell, type Column, tableLines, wrapText } from './table.js';
import { durationText } from './units.js';

const COLUMNS: readonly Column[] = [
  { title: 'MEMBER', wrap: true },
  { title: 'STATE' },
  { title: 'UNDERLAY', wrap: true },
  { title: 'PODS', wrap: true },
  { title: 'INCARNATION', align: 'right', spare: 1 },
  { title: 'RTT', align: 'right', spare: 2 },
  { title: 'SINCE', align: 'right', spare: 3 },
  { title: 'DATA PATH', wrap: true },
];

const STYLES: Record<MemberStatus['state'], Style> = { alive: 'green', suspect: 'yellow', dead: 'red', left: 'dim' };

/** @param nowMs milliseconds since 1970 */
export function membersTable(members: readonly MemberStatus[], nowMs: number, look: Look): string[] {
  const rows = members.map(({ node, state, self, underlays, podCidr, incarnation, rttMs, since, data }): Cell[] => [
    self ? `${node} (this node)` : node,
    { text: state, style: STYLES[state] },
    // Which of them is in use is for the two ends to choose, and may change.
    underlays.join(' ') || '-',
    podCidr.join(' ') || '-',
    String(incarnation),
    rttMs === null ? '-' : `${rttMs.toFixed(1)} ms`,
    durationText(Math.max(0, nowMs - Date.parse(since))),
    dataPath(data),
  ]);
  return [...tableLines(COLUMNS, rows, look), ...warnings(members, look)];
}

export function dataPath(data: DataPathStatus | undefined): Cell {
  if (!data) return '-';
  const { state, rttMs, lossPercent } = data;
  if (state !== 'up') return { text: state, style: state === 'down' ? 'red' : 'dim' };
  const rtt = rttMs === null ? '' : ` ${rttMs.toFixed(1)} ms`;
  return `up${rtt}${lossPercent ? `, ${lossPercent.toFixed(0)} % lost` : ''}`;
}

/** Gossip is there and the data is not, or takes another way: said in words. */
function warnings(members: readonly MemberStatus[], look: Look): string[] {
  return warningLines(
    members.map(({ data }) => (data?.state === 'down' ? data.words : data?.detour)),
    look,
  );
}

/** Below a table: what is told in words of those in it of whom there is something to tell. */
export function warningLines(texts: readonly (string | undefined)[], { width = Infinity }: Look): string[] {
  const lines = texts.flatMap((text) => (text ? wrapText(`! ${text}`, width) : []));
  return lines.length > 0 ? ['', ...lines] : [];
}
