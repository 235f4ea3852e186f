/** Tables: columns aligned, and as wide as the terminal allows. Pure. */
import { type Look, type Style, styled } from './output.js';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Gives way where the table is too wide: its cells go on in further lines. */
  readonly wrap?: boolean;
  /** Is left out where the table is too wide even so: 1 first. */
  readonly spare?: number;
}

export type Cell = string | { readonly text: string; readonly style: Style };

const GAP = '  ';
/** A column that gives way keeps so many characters. */
const LEAST_WIDTH = 8;
/** Of no use in pieces: nobody can copy it, and what is left of it looks like another. */
const ADDRESS = /^(?=.*[.:])[0-9a-f.:]+(\/\d+)?,?$/i;

/** The table's lines, titles first; no titles if all are empty. Wider than the terminal only where an address is. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly Cell[])[], look: Look): string[] {
  const shown = shownColumns(columns, rows, look.width);
  return drawn(
    shown.map((i) => columns[i]),
    rows.map((cells) => shown.map((i) => cells[i])),
    look,
  );
}

function drawn(columns: readonly Column[], rows: readonly (readonly Cell[])[], look: Look): string[] {
  const widths = columnWidths(columns, rows, look.width);
  const line = (cells: readonly Cell[]) => rowLines(columns, widths, cells, look);
  const titles = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }));
  const head = columns.some(({ title }) => title !== '') ? line(titles) : [];
  return [...head, ...rows.flatMap(line)];
}

/** Those that fit beside each other with every word whole; only spare ones are left out. */
function shownColumns(columns: readonly Column[], rows: readonly (readonly Cell[])[], most = Infinity): number[] {
  const least = columns.map((column, i) =>
    column.wrap ? longestWord(column, i, rows, () => true) : naturalWidth(column, i, rows),
  );
  const spare = (i: number) => columns[i].spare ?? Infinity;
  let shown = columns.map((_, i) => i);
  while (tableWidth(shown.map((i) => least[i])) > most) {
    const first = Math.min(...shown.map(spare));
    if (first === Infinity) break;
    shown = shown.filter((i) => spare(i) !== first);
  }
  return shown;
}

function columnWidths(columns: readonly Column[], rows: readonly (readonly Cell[])[], most = Infinity): number[] {
  const widths = columns.map((column, i) => naturalWidth(column, i, rows));
  // Whole words as long as there is room for them; what is no address is cut after that.
  for (const whole of [() => true, isAddress]) {
    const give = columns.flatMap((column, i) =>
      column.wrap ? [{ i, least: Math.max(LEAST_WIDTH, longestWord(column, i, rows, whole)) }] : [],
    );
    // The widest gives way first, so that narrow ones stay whole.
    for (let excess = tableWidth(widths) - most; excess > 0; excess--) {
      const widest = give.filter(({ i, least }) => widths[i] > least).sort((a, b) => widths[b.i] - widths[a.i])[0];
      if (!widest) break;
      widths[widest.i]--;
    }
  }
  return widths;
}

function naturalWidth({ title }: Column, i: number, rows: readonly (readonly Cell[])[]): number {
  return Math.max(title.length, ...rows.map((row) => textOf(row[i]).length));
}

/** Of those words that are to be kept whole; the title always is. */
function longestWord(
  { title }: Column,
  i: number,
  rows: readonly (readonly Cell[])[],
  whole: (word: string) => boolean,
): number {
  const words = rows.flatMap((row) => textOf(row[i]).split(' ')).filter(whole);
  return words.reduce((longest, { length }) => Math.max(longest, length), title.length);
}

function isAddress(word: string): boolean {
  return ADDRESS.test(word);
}

function tableWidth(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, GAP.length * (widths.length - 1));
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
