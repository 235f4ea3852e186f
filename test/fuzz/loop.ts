/** Drives one target until its inputs or its time are used up, or something is wrong. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Target } from './target.js';

export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly seconds: number;
  /** Different answers: how far into the code it came. */
  readonly answers: number;
  /** Heap and buffers after a tenth of the run, when tables are filled and code is compiled, and at its end; bytes. */
  readonly heap: readonly [number, number];
  /** What went wrong, and the input; empty: nothing. */
  readonly problem: string;
}

/** Heap that may be gained between a tenth of a run and its end, bytes. */
const MOST_GROWTH = 2 * 1024 * 1024;
/** Inputs between two turns of the event loop, where whoever watches forgets what it saw. */
const STRETCH = 1000;
const MOST_ANSWERS = 1000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** @param limits inputs, or seconds, at most */
export async function fuzz(
  target: Target,
  seed: number,
  limits: { inputs?: number; seconds?: number },
): Promise<FuzzReport> {
  const { inputs = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = limits;
  const answers = new Set<string>();
  const start = performance.now();
  const share = () => Math.max(target.inputs / inputs, (performance.now() - start) / 1000 / seconds);
  let settled: number | undefined;
  let problem = '';
  let pause = 0;
  try {
    for (let done = share(); done < 1; done = target.inputs >= pause ? share() : target.inputs / inputs) {
      if (target.inputs >= pause) {
        pause = target.inputs + STRETCH;
        await nextTurn();
        if (done >= 0.1) settled ??= await heapBytes();
      }
      const answer = target.next();
      const words = typeof answer === 'string' ? answer : await answer;
      if (answers.size < MOST_ANSWERS) answers.add(words);
    }
  } catch (error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    problem = `${words}\ninput ${target.inputs}: ${target.latest()}`;
  }
  const elapsed = (performance.now() - start) / 1000;
  const end = await heapBytes();
  settled ??= end;
  if (problem === '' && end - settled > MOST_GROWTH)
    problem = `the heap grew by ${Math.round((end - settled) / 1024)} KiB`;
  await target.close?.();
  return {
    target: target.name,
    seed,
    inputs: target.inputs,
    seconds: elapsed,
    answers: answers.size,
    heap: [settled, end],
    problem,
  };
}

async function heapBytes(): Promise<number> {
  collectGarbage();
  await nextTurn();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
