/** Values of options as people write them, for commander: what is none is told with what was wanted. */
import { InvalidArgumentError, Option } from 'commander';

/** A number between these. @param what as it is asked for */
export function between(least: number, most: number, what = 'a number'): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Write ${what} from ${least} to ${most}.`);
    }
    return value;
  };
}

/** A whole number between these; at least 0 if nothing is said. */
export function whole(least = 0, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(Number.isSafeInteger(value) && value >= least && value <= most)) {
      const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} at least` : ` from ${least} to ${most}`;
      throw new InvalidArgumentError(`Write a whole number${range}.`);
    }
    return value;
  };
}

/** Whole numbers between these, with commas between. */
export function numbers(least: number, most: number): (text: string) => number[] {
  const one = whole(least, most);
  return (text) => text.split(',').map(one);
}

/** Some of these words, with commas between; they come in the words' own order. */
export function someOf<Word extends string>(words: readonly Word[]): (text: string) => Word[] {
  return (text) => {
    const wanted = text.split(',').map((word) => word.trim());
    if (!wanted.every((word) => (words as readonly string[]).includes(word)))
      throw new InvalidArgumentError(`Write some of ${words.join(', ')}.`);
    return words.filter((word) => wanted.includes(word));
  };
}

/** An option whose value is several, with commas between. */
export function listOption<T>(
  flags: string,
  description: string,
  fallback: readonly T[],
  parse: (text: string) => T[],
): Option {
  return new Option(flags, description).argParser(parse).default(fallback, fallback.join());
}
