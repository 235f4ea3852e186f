/** Numbers as people write them, for commander: what is none is told with what was wanted. */
import { InvalidArgumentError } from 'commander';

/** A number between these. */
export function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Write a number from ${least} to ${most}.`);
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
