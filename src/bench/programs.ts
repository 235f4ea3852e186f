/** How the programs of program.ts are started and understood, wherever they run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PodwireError } from '../wire/error.js';
import type { Outcome, RunOrder, ServeOrder } from './program.js';
import type { BenchResult } from './results.js';
import type { SuiteEvents } from './suite.js';

const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url));

/** What they need: an input whose end is theirs, and an output to say things. */
export const STDIO = ['pipe', 'pipe', 'inherit'] as const;

export function serveCommand(order: ServeOrder): string[] {
  return [process.execPath, PROGRAM, 'serve', JSON.stringify(order)];
}

export function runCommand(order: RunOrder): string[] {
  return [process.execPath, PROGRAM, 'run', JSON.stringify(order)];
}

/** Starts a server here, beside this process. It ends with `stdin.end()`, or with this process, whatever ends that. */
export function startServer(order: ServeOrder): ChildProcess {
  const [program, ...words] = serveCommand(order);
  return spawn(program, words, { stdio: [...STDIO] });
}

/**
 * Waits until a server listens.
 * @param say is told what happens there, in lines, as long as it lives
 * @returns its port
 * @throws PodwireError what the server throws; MACHINE if it ends without a word
 */
export function listening(child: ChildProcess, say: (words: string) => void = () => {}): Promise<number> {
  return new Promise((resolve, reject) => {
    onOutcome(child, (outcome) => {
      if ('listening' in outcome) resolve(outcome.listening);
      if ('said' in outcome) say(outcome.said);
      if ('error' in outcome) reject(errorOf(outcome));
    });
    child.once('close', () => reject(new PodwireError('MACHINE', 'the program that serves did not start')));
  });
}

/** Measures here, beside this process. @throws PodwireError as the tests do */
export function measure(order: RunOrder, events: SuiteEvents): Promise<BenchResult[]> {
  const [program, ...words] = runCommand(order);
  return outcome(spawn(program, words, { stdio: [...STDIO] }), events);
}

/** What a `run` comes to. @throws PodwireError as the tests do; MACHINE if it ends without a word */
export function outcome(child: ChildProcess, events: SuiteEvents): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  return new Promise((resolve, reject) => {
    onOutcome(child, (told) => {
      if ('progress' in told) events.progress?.(told.progress);
      if ('error' in told) reject(errorOf(told));
      if ('result' in told) {
        results.push(told.result);
        events.result?.(told.result);
      }
    });
    child.once('close', (code) => {
      if (code === 0) resolve(results);
      else reject(new PodwireError('MACHINE', 'the program that measures was ended'));
    });
  });
}

function onOutcome(child: ChildProcess, take: (outcome: Outcome) => void): void {
  child.once('error', () => {}); // `close` follows
  if (!child.stdout) throw new PodwireError('INTERNAL', 'a program without an output to watch');
  createInterface({ input: child.stdout }).on('line', (line) => take(JSON.parse(line) as Outcome));
}

function errorOf({ error: { code, message } }: Extract<Outcome, { error: unknown }>): PodwireError {
  return new PodwireError(code, message);
}
