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
  const colours = obeysEscapes(stream) && !process.env['NO_COLOR'];
  return { width: stream.isTTY ? stream.columns || undefined : undefined, colours };
}

/** Is it a terminal that understands escape sequences: those that colour, and those that go back over what was written? */
export function obeysEscapes(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
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
