/** Programs run to their end, with their output. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { PodwireError } from '../wire/error.js';

export interface RunOptions {
  /** After this many milliseconds the program and its children are killed; 10,000 if not given. */
  readonly timeoutMs?: number;
  /** Given on standard input. */
  readonly input?: string;
  /** In addition to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SpawnOptions {
  /** Pipes if not given. */
  readonly stdio?: StdioOptions;
  /** In addition to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunResult {
  /** Exit code; null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Where programs are sought: those of administrators are not in every user's PATH. */
export const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

/** A program's environment: this process's, and what is added. */
export function environment(added: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH, ...added };
}

/**
 * Runs a program in a process group of its own. Any exit code is a result.
 * @param started is handed the process while it runs
 * @throws PodwireError MACHINE if there is no such program
 */
export async function run(
  argv: readonly string[],
  options: RunOptions = {},
  started?: (child: ChildProcess) => void,
): Promise<RunResult> {
  const child = spawn(argv[0], argv.slice(1), {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment(options.env),
  });
  started?.(child);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child, 'SIGKILL');
  }, options.timeoutMs ?? 10_000);
  try {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', (error) => reject(new PodwireError('MACHINE', `cannot run ${argv[0]}: ${error.message}`)));
      child.once('close', resolve);
    });
    child.stdin.on('error', () => {}); // it ended without reading: its exit code tells
    child.stdin.end(options.input ?? '');
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, stdout, stderr, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program that must succeed, and returns its output. @throws PodwireError MACHINE with what it said */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr, timedOut } = await run(argv, options);
  if (code === 0) return stdout;
  const said = stderr.trim().replaceAll(/\s*\n\s*/g, '; ');
  throw new PodwireError('MACHINE', `${argv.join(' ')}: ${timedOut ? 'no end' : `exit code ${code}`}: ${said}`);
}

/** Signals a child that was started in a group of its own, and all that it started. */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // gone already
  }
}
