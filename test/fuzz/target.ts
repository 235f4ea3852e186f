/** What is fuzzed, seen from outside: something that makes inputs by itself and judges what becomes of each. */
import type { Mutator } from './mutate.js';

export interface Target {
  readonly name: string;
  /** Of all inputs of a run of everything, the share that it gets. */
  readonly share: number;
  /** Inputs so far; a step may be many. */
  inputs: number;
  /** Makes and runs what comes next. Returns what came of it, in few different words; throws what is wrong. */
  next(): string | Promise<string>;
  /** The latest input, for who has to look at what went wrong. */
  latest(): string;
  /** Ends what it holds: sockets, files. */
  close?(): void | Promise<void>;
}

/** Inputs kept because they led somewhere new, and how long they may be, bytes. */
const MOST_KEPT = 300;
const LONGEST_KEPT = 2000;

/**
 * A function of bytes as a target. Inputs whose answers are of a kind that was not seen before become seeds.
 * @param from seeds
 * @param run says what it made of the input, or throws; `choice` is any number below 65,536, for what else may differ
 */
export function decoder(
  name: string,
  share: number,
  from: readonly Buffer[],
  run: (input: Buffer, choice: number) => string | Promise<string>,
  { below, mutate }: Mutator,
): Target {
  const seeds = [...from];
  const kinds = new Set<string>();
  let input = from[0];
  let choice = 0;
  const learn = (answer: string): string => {
    const kind = answer.replace(/\d{3,}/g, '#').slice(0, 200);
    if (kinds.size >= MOST_KEPT || kinds.has(kind)) return kind;
    kinds.add(kind);
    // A copy of its own: a slice would keep a whole pool.
    if (input.length <= LONGEST_KEPT) seeds.push(Buffer.from(Uint8Array.from(input).buffer));
    return kind;
  };
  return {
    name,
    share,
    inputs: 0,
    next() {
      this.inputs++;
      input = mutate(seeds[below(seeds.length)]);
      choice = below(2 ** 16);
      const answer = run(input, choice);
      return typeof answer === 'string' ? learn(answer) : answer.then(learn);
    },
    latest: () => `${input.toString('hex')}, choice ${choice}`,
  };
}
