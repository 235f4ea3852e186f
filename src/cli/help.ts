/** Parts of --help that several commands share. */
import type { Command } from 'commander';

/** A command line that can be copied, and what it does. */
export type Example = readonly [command: string, meaning: string];

export function addExamples(command: Command, examples: readonly Example[]): void {
  const lines = examples.map(([line, meaning]) => `  # ${meaning}\n  ${line.replaceAll('\n', '\n  ')}`);
  command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
