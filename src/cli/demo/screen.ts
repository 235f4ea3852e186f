/** Where the demo's story is told: redrawn on a terminal, plain lines in a pipe, nothing with `--json`. */
import { stripVTControlCharacters, styleText } from 'node:util';

export class Screen {
  readonly #out: NodeJS.WriteStream | undefined;
  readonly #live: boolean;
  readonly #colours: boolean;
  /** Lines of the block that is still being redrawn. */
  #drawn = 0;

  /** @param out undefined: tell nothing */
  constructor(out: NodeJS.WriteStream | undefined) {
    this.#out = out;
    this.#live = out?.isTTY === true;
    this.#colours = this.#live && !process.env['NO_COLOR'];
  }

  title(text: string): void {
    this.line();
    this.line(this.style('bold', text));
  }

  line(text = ''): void {
    this.#out?.write(`${text}\n`);
  }

  /** Draws a block in place of the block before; only a terminal shows what is not `final`. */
  block(lines: readonly string[], final: boolean): void {
    if (!this.#live && !final) return;
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    this.#out?.write(up + lines.map((line) => `${line}${this.#live ? '\x1b[K' : ''}\n`).join(''));
    this.#drawn = final ? 0 : lines.length;
  }

  style(format: 'bold' | 'dim' | 'green' | 'red', text: string): string {
    return this.#colours ? styleText(format, text) : text;
  }

  /** ✓ or ✗. */
  mark(ok: boolean): string {
    return ok ? this.style('green', '✓') : this.style('red', '✗');
  }
}

/** Pads to a width, colours not counted. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stripVTControlCharacters(text).length));
}
