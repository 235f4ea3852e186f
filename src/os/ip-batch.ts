/** Many operations in one `ip -batch -`: some 20 µs each, where a process for each would cost milliseconds. */
import { PodwireError } from '../wire/error.js';
import { run } from './run.js';

export interface BatchOptions {
  /** Go on behind a line that failed. */
  readonly force?: boolean;
  /** Where lines do not say it by their addresses alone: `ip rule` takes all for IPv4. */
  readonly ipv6?: boolean;
  /** What runs `ip`; a process of its own if not given. */
  readonly runner?: typeof run;
}

/** Why lines failed, in `ip`'s words, by their index. Without `force` it is one at most, and nothing behind it was done. */
export type Failures = ReadonlyMap<number, string>;

/**
 * Does lines such as `route add 10.0.0.0/8 dev x`, both families as their addresses say.
 * @throws PodwireError MACHINE: `ip` is missing; TIMED_OUT: it did not finish, how far it came is not known
 */
export async function ipBatch(lines: readonly string[], options: BatchOptions = {}): Promise<Failures> {
  const flags = [...(options.ipv6 ? ['-6'] : []), ...(options.force ? ['-force'] : [])];
  return (await runBatch(lines, flags, options.runner)).failures;
}

/**
 * Asks lines such as `route show table all`, and gives each one's answer, or undefined where `ip` refused it (a device
 * that is not there).
 * @param flags such as `-details`, which no line can say
 * @throws PodwireError MACHINE: `ip` is missing; TIMED_OUT: it did not finish
 */
export async function ipQuery(
  lines: readonly string[],
  flags: readonly string[] = [],
  runner = run,
): Promise<(readonly unknown[] | undefined)[]> {
  const { stdout, failures } = await runBatch(lines, ['-force', '-json', ...flags], runner);
  // A shell's output has what `ip` says to people in it too.
  const answers = stdout.split('\n').filter((text) => text.startsWith('['));
  let next = 0;
  // A line that failed printed nothing; each other one printed one array, in one line.
  return lines.map((_, index) => (failures.has(index) ? undefined : JSON.parse(answers[next++] ?? '[]')));
}

async function runBatch(lines: readonly string[], flags: readonly string[], runner = run) {
  if (lines.length === 0) return { stdout: '', failures: new Map<number, string>() };
  const { code, stdout, stderr, failure } = await runner('ip', [...flags, '-batch', '-'], `${lines.join('\n')}\n`);
  if (failure === 'ENOENT') {
    throw new PodwireError('MACHINE', "the program 'ip' is not installed: install the package iproute2");
  }
  const failures = parseFailures(stderr);
  if (code === undefined || (code !== 0 && failures.size === 0)) {
    throw new PodwireError(
      'TIMED_OUT',
      `'ip -batch' did not finish (${failure ?? `exit code ${code}`}): ${oneLine(stderr)}`,
    );
  }
  return { stdout, failures };
}

/** `ip` says why on one or more lines, then `Command failed -:7`, counting from 1. */
export function parseFailures(stderr: string): Failures {
  const failures = new Map<number, string>();
  let reason: string[] = [];
  for (const text of stderr.split('\n')) {
    const failed = /^Command failed -:(\d+)/.exec(text);
    if (failed === null) {
      reason.push(text);
      continue;
    }
    failures.set(Number(failed[1]) - 1, oneLine(reason.join('\n')) || 'refused without a reason');
    reason = [];
  }
  return failures;
}

function oneLine(stderr: string): string {
  return stderr
    .split('\n')
    .map((text) => text.replace(/^(RTNETLINK answers|Error): |\.$/g, '').trim())
    .filter((text) => text !== '')
    .join('; ');
}
