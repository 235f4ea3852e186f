/** Which cells the matrix has, and how they are shown: pure. */
import { type Cell, LOADS, type Load, PEER_KINDS, type PeerKind, type Setting } from './interop.js';
import { LABORATORIES } from './plan.js';

const FAMILIES = [4, 6] as const;

const PEERS: Readonly<Record<PeerKind, string>> = {
  podwire: 'podwire',
  static: 'kernel, static',
  plain: 'kernel, ARP and ND',
};

/** Every network, with each way to move the bytes. */
export function settings(): Setting[] {
  return (['on', 'io', 'off'] as const).flatMap((native) =>
    FAMILIES.flatMap((outer) => LABORATORIES.map((laboratory) => ({ outer, laboratory, native }))),
  );
}

/** A row for each kind of peer and family inside, a column for each setting: loads that passed, of those tried. */
export function interopTable(cells: readonly Cell[]): string {
  const columns = settings();
  const loads = Object.keys(LOADS) as Load[];
  const head = ['peer', 'inside', ...columns.map(settingName)];
  const rows = PEER_KINDS.flatMap((peer) =>
    FAMILIES.map((inner) => {
      const own = cells.filter((cell) => cell.peer === peer && cell.inner === inner);
      return [
        PEERS[peer],
        `IPv${inner}`,
        ...columns.map((setting) => score(own.filter((cell) => isOf(cell, setting)))),
      ];
    }),
  );
  const failed = cells
    .filter(({ trouble }) => trouble !== '')
    .map(
      (cell) =>
        `- ${PEERS[cell.peer]}, IPv${cell.inner} inside, ${settingName(cell)}: ${LOADS[cell.load]}: ${cell.trouble}`,
    );
  return [
    [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n'),
    `Loads: ${loads.map((load) => LOADS[load]).join('; ')}.`,
    failed.length === 0 ? 'No cell fails.' : `Cells that fail:\n\n${failed.join('\n')}`,
  ].join('\n\n');
}

function settingName({ outer, laboratory, native }: Setting): string {
  return `IPv${outer}, ${laboratory}, ${native}`;
}

function isOf(cell: Cell, { outer, laboratory, native }: Setting): boolean {
  return cell.outer === outer && cell.laboratory === laboratory && cell.native === native;
}

function score(cells: readonly Cell[]): string {
  if (cells.length === 0) return 'not tried';
  return `${cells.filter(({ trouble }) => trouble === '').length} of ${cells.length}`;
}
