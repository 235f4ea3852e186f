/** Parts of --help that several commands share. */
import type { Command } from 'commander';

/** A command line that can be copied, and what it does. */
export type Example = readonly [command: string, meaning: string];

export function addExamples(command: Command, examples: readonly Example[]): void {
  const lines = examples.map(([line, meaning]) => `  # ${meaning}\n  ${line.replaceAll('\n', '\n  ')}`);
  command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** `error: unknown option '--jsn'\n(Did you mean --json?)`, as commander writes it, as one line of the program's own. */
export function errorLine(program: string, text: string): string {
  const words = text.replace(/^error: /, '').trim();
  return `${program}: ${words.replaceAll('\n', ' ')}`;
}
