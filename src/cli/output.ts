/** Standard output: text for people, JSON for programs. */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** What the place that text goes to can show. */
export interface Look {
  /** Columns; undefined: as many as need be. */
  readonly width: number | undefined;
  readonly colours: boolean;
}

/** A terminal has a width, and colours unless NO_COLOR is set (no-color.org). */
export function lookOf(stream: NodeJS.WriteStream): Look {
  const plain = process.env['NO_COLOR'] || process.env['TERM'] === 'dumb';
  return { width: stream.isTTY ? stream.columns || undefined : undefined, colours: stream.isTTY === true && !plain };
}

export function styled(text: string, style: Style, look: Look): string {
  return look.colours ? styleText(style, text, { validateStream: false }) : text;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Whoever reads may stop reading: `podwire routes | head` is no failure. */
export function allowBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.stderr.on('error', () => {});
}
