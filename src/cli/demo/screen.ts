/** Where the demo's story is told: redrawn on a terminal, plain lines in a pipe, nothing with `--json`. */
import { stripVTControlCharacters } from 'node:util';
import { LiveBlock } from '../live.js';
import { type Look, lookOf, obeysEscapes, type Style, styled } from '../output.js';

export class Screen {
  readonly #out: NodeJS.WriteStream | undefined;
  readonly #look: Look;
  readonly #block: LiveBlock | undefined;

  /** @param out undefined: tell nothing */
  constructor(out: NodeJS.WriteStream | undefined) {
    this.#out = out;
    this.#look = out ? lookOf(out) : { width: undefined, colours: false };
    this.#block = out && new LiveBlock(out);
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
    if (final) this.#block?.finish(lines);
    else if (this.#out && obeysEscapes(this.#out)) this.#block?.draw(lines);
  }

  style(style: Style, text: string): string {
    return styled(text, style, this.#look);
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
