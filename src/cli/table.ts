/** Tables: columns aligned, and as wide as the terminal allows. Pure. */
import { type Look, type Style, styled } from './output.js';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Gives way where the table is too wide: its cells go on in further lines. */
  readonly wrap?: boolean;
}

export type Cell = string | { readonly text: string; readonly style: Style };

const GAP = '  ';
/** A column that gives way keeps so many characters. */
const LEAST_WIDTH = 8;

/** The table's lines, titles first; no titles if all are empty. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly Cell[])[], look: Look): string[] {
  const widths = columnWidths(columns, rows, look.width);
  const line = (cells: readonly Cell[]) => rowLines(columns, widths, cells, look);
  const titles = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }));
  const head = columns.some(({ title }) => title !== '') ? line(titles) : [];
  return [...head, ...rows.flatMap(line)];
}

function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  most: number | undefined,
): number[] {
  const natural = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => textOf(row[i]).length)));
  if (most === undefined) return natural;
  const room = most - GAP.length * (columns.length - 1);
  const widths = [...natural];
  const give = columns.flatMap(({ wrap, title }, i) =>
    wrap ? [{ i, least: Math.max(LEAST_WIDTH, title.length) }] : [],
  );
  // The widest gives way first, so that narrow ones stay whole.
  for (let excess = sum(widths) - room; excess > 0; excess--) {
    const widest = give.filter(({ i, least }) => widths[i] > least).sort((a, b) => widths[b.i] - widths[a.i])[0];
    if (!widest) break;
    widths[widest.i]--;
  }
  return widths;
}

/** A row is as many lines as its tallest cell. */
function rowLines(columns: readonly Column[], widths: readonly number[], cells: readonly Cell[], look: Look): string[] {
  const wrapped = cells.map((cell, i) => (columns[i].wrap ? wrapText(textOf(cell), widths[i]) : [textOf(cell)]));
  const height = Math.max(1, ...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, n) => {
    const parts = cells.map((cell, i) => {
      const text = wrapped[i][n] ?? '';
      const padding = ' '.repeat(Math.max(0, widths[i] - text.length));
      const shown = typeof cell === 'string' || text === '' ? text : styled(text, cell.style, look);
      return columns[i].align === 'right' ? padding + shown : shown + padding;
    });
    return parts.join(GAP).trimEnd();
  });
}

/** Breaks text at spaces into lines of at most `width`; a word that is longer is cut. */
export function wrapText(text: string, width: number): string[] {
  const pieces = text.split(' ').flatMap((word) => cut(word, width));
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= width) lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines;
}

function cut(word: string, width: number): string[] {
  if (word.length <= width) return [word];
  return [word.slice(0, width), ...cut(word.slice(width), width)];
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'string' ? cell : (cell?.text ?? '');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
