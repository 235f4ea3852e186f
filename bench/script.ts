/** What the programs behind `npm run`, the benchmarks and the fuzzer, have in common: `--help`, and one line, exit code 2, where something is wrong. */
import { Command } from 'commander';
import { addExamples, errorLine } from '../src/cli/help.js';
import { hasProgram } from '../src/lab/tools.js';

const EXIT_REFUSED = 2;

/**
 * @param name of the npm script
 * @param example options, and what they do
 */
export function script(name: string, description: string, ...examples: [options: string, meaning: string][]): Command {
  const line = `npm run ${name} --`;
  const command = new Command(line)
    .description(description)
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) => write(`${errorLine(name, text)} (${line} --help tells more)\n`),
    })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_REFUSED));
  if (examples.length > 0) {
    addExamples(
      command,
      examples.map(([options, meaning]) => [`${line} ${options}`, meaning]),
    );
  }
  return command;
}

/** Ends the process, with a line, if programs are missing. @param packages Debian's, that have them */
export function requirePrograms(name: string, programs: readonly string[], packages: string): void {
  const missing = programs.filter((program) => !hasProgram(program));
  if (missing.length === 0) return;
  console.error(`${name} needs ${missing.join(', ')}: apt-get install ${packages}`);
  process.exit(EXIT_REFUSED);
}
