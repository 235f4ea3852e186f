/** How the programs of program.ts are started and understood, wherever they run. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PodwireError } from '../wire/error.js';
import type { Outcome, RunOrder } from './program.js';
import type { BenchResult } from './results.js';
import type { SuiteEvents } from './suite.js';

const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url));

export function serveCommand(address: string, node: string, pids: readonly number[]): string[] {
  return [process.execPath, PROGRAM, 'serve', address, node, ...pids.map(String)];
}

export function runCommand(order: RunOrder): string[] {
  return [process.execPath, PROGRAM, 'run', JSON.stringify(order)];
}

/** The port that a server tells when it listens. @param child its standard output is a pipe */
export async function listening(child: ChildProcess): Promise<number> {
  const { stdout } = child;
  if (!stdout) throw new PodwireError('INTERNAL', 'a program without an output to watch');
  for await (const line of createInterface({ input: stdout })) {
    const port = /^listening (\d+)$/.exec(line)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new PodwireError('MACHINE', 'the program that serves did not start');
}

/** What a `run` comes to. @throws PodwireError MACHINE with its words if it fails */
export async function outcome(child: ChildProcess, events: SuiteEvents): Promise<BenchResult[]> {
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new PodwireError('INTERNAL', 'a program without an output to watch');
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const words = text(stderr);
  const results: BenchResult[] = [];
  for await (const line of createInterface({ input: stdout })) {
    const told = JSON.parse(line) as Outcome;
    if ('progress' in told) events.progress?.(told.progress);
    else {
      results.push(told.result);
      events.result?.(told.result);
    }
  }
  if ((await ended) !== 0)
    throw new PodwireError('MACHINE', (await words).trim() || 'the program that measures was ended');
  return results;
}
