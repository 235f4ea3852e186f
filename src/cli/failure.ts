/** How a command ends: its exit code, and what it says when it fails. */
import { messageOf, PodwireError, type PodwireErrorCode } from '../wire/error.js';

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_REFUSED = 2;
const EXIT_NO_AGENT = 3;

/** Stands at the end of every --help. */
export const EXIT_CODES = `
Exit codes:
  0  done
  1  failed while running, or a step that is not safe yet
  2  bad usage, a bad configuration, or a machine that is not fit: nothing was changed
  3  no agent is running`;

const CODES: Partial<Record<PodwireErrorCode, number>> = {
  CONFIG: EXIT_REFUSED,
  MACHINE: EXIT_REFUSED,
  NO_ADDON: EXIT_REFUSED,
  RUNNING: EXIT_REFUSED,
  NO_AGENT: EXIT_NO_AGENT,
};

export function exitCodeOf(error: unknown): number {
  return error instanceof PodwireError ? (CODES[error.code] ?? EXIT_FAILED) : EXIT_FAILED;
}

/** Tells an error on standard error, a line for each problem; with PODWIRE_DEBUG=1 where it came from as well. */
export function tell(error: unknown): void {
  const message = messageOf(error);
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  process.stderr.write(lines.map((line) => `podwire: ${line}\n`).join(''));
  if (process.env['PODWIRE_DEBUG'] === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
