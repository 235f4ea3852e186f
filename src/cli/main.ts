#!/usr/bin/env node
/** The `podwire` command. */
import { CommanderError } from 'commander';
import { EXIT_FAILED, EXIT_OK, EXIT_REFUSED, exitCodeOf, tell } from './failure.js';
import { allowBrokenPipe } from './output.js';
import { buildProgram, wordsToParse } from './program.js';

allowBrokenPipe();
process.on('uncaughtException', (error) => {
  tell(error);
  process.exit(EXIT_FAILED);
});

try {
  const words = wordsToParse(process.argv.slice(2));
  const program = await buildProgram(words);
  await program.parseAsync(words, { from: 'user' });
} catch (error) {
  if (error instanceof CommanderError) {
    // It has been told already.
    process.exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_REFUSED;
  } else {
    tell(error);
    process.exitCode = exitCodeOf(error);
  }
}
