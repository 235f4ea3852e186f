/** Runs one of the machine's programs to its end. */
import { execFile } from 'node:child_process';

export interface Outcome {
  /** Exit code; undefined: not found, not allowed to run, or ended by a signal or the timeout. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no code: the errno of a program that could not be started (`ENOENT`), or the signal that ended it. */
  readonly failure?: string;
}

const TIMEOUT_MS = 5_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Administrators' programs are not always in a service's or a user's PATH. */
const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

/** Programs speak English, whoever started us. */
export function environmentOf(): NodeJS.ProcessEnv {
  return { ...process.env, PATH, LC_ALL: 'C' };
}

/** Never throws: what went wrong is in the outcome. */
export function run(program: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = {
      env: environmentOf(),
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL' as const,
      maxBuffer: MAX_OUTPUT,
    };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else resolve({ code: undefined, stdout, stderr, failure: error.code ?? error.signal ?? 'unknown' });
    });
    child.stdin?.on('error', () => {}); // ended before it read everything: its exit code tells
    child.stdin?.end(input);
  });
}
