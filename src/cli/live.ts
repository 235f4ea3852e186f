/** A block of lines that is drawn again and again: in place on a terminal and no wider than it, one after the other in a pipe. */
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { obeysEscapes } from './output.js';

export class LiveBlock {
  readonly #out: NodeJS.WriteStream;
  #height = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  draw(lines: readonly string[]): void {
    const { rows, columns } = this.#out;
    if (obeysEscapes(this.#out)) this.#replace(fit(lines, rows - 1).map((line) => clip(line, columns)));
    else this.#out.write(`${lines.join('\n')}\n\n`);
  }

  /** Draws it for the last time: whole, however high the screen is. What is drawn then stands below. */
  finish(lines: readonly string[]): void {
    if (obeysEscapes(this.#out)) this.#replace(lines);
    else this.#out.write(`${lines.join('\n')}\n`);
    this.#height = 0;
  }

  /** One write, so that nobody sees it half drawn: up to its first line, clear to the end of the screen, draw. */
  #replace(lines: readonly string[]): void {
    const up = this.#height > 0 ? `\x1b[${this.#height}A\r` : '';
    this.#out.write(`${up}\x1b[J${lines.map((line) => `${line}\n`).join('')}`);
    this.#height = lines.length;
  }
}

/** What has scrolled off the screen cannot be drawn again. */
function fit(lines: readonly string[], rows: number): readonly string[] {
  if (!(rows > 1) || lines.length <= rows) return lines;
  return [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} lines more: make the window higher`];
}

/** A line that breaks would take two of the screen's, and the next block would begin below where this one did. */
function clip(line: string, columns: number): string {
  if (!(columns > 1) || stripVTControlCharacters(line).length <= columns) return line;
  let clipped = '';
  let width = 0;
  // Sequences that colour take no room, and those that end a colour must not be lost.
  for (const part of line.split(/(\p{Cc}\[[\d;]*m)/u)) {
    if (part.startsWith('\x1b')) clipped += part;
    else if (width < columns) {
      clipped += width + part.length < columns ? part : `${part.slice(0, columns - 1 - width)}…`;
      width += part.length;
    }
  }
  return clipped;
}

/** Runs `turn` at once and then every `intervalMs`, until Ctrl-C or an error. */
export async function repeat(intervalMs: number, turn: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    while (!stop.signal.aborted) {
      await turn();
      await sleep(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
