/** Where a measurement is told: drawn in place on a terminal, a line for each result elsewhere, nothing with `--json`. */
import { LiveBlock } from './live.js';
import { obeysEscapes } from './output.js';

export class BenchScreen {
  readonly #out: NodeJS.WriteStream | undefined;
  readonly #block: LiveBlock | undefined;
  readonly #lines: string[] = [];

  /** @param out undefined: tell nothing */
  constructor(out: NodeJS.WriteStream | undefined) {
    this.#out = out;
    this.#block = out && obeysEscapes(out) ? new LiveBlock(out) : undefined;
  }

  /** A line that stays while it is measured. */
  line(text: string): void {
    this.#lines.push(text);
    if (this.#block) this.#block.draw(this.#lines);
    else this.#out?.write(`${text}\n`);
  }

  /** What is at work; seen on a terminal only. */
  progress(words: string): void {
    this.#block?.draw([...this.#lines, words]);
  }

  /** What it came to: on a terminal in the place of all that was told before. */
  finish(lines: readonly string[]): void {
    if (this.#block) this.#block.finish(lines);
    else this.#out?.write(`\n${lines.join('\n')}\n`);
  }
}
