/** What is wrong with a configuration: one line each, all of them at once. */
import type * as z from 'zod';
import { PodwireError } from '../../wire/error.js';
import { flagName } from './flag-name.js';

export interface Problem {
  /** The key, such as `peers[1].podCidr`; empty: the file as a whole. */
  readonly path: string;
  /** What is wrong and how to mend it. */
  readonly message: string;
}

/** An error with every problem as a line of its message. */
export function configError(problems: readonly Problem[]): PodwireError {
  const lines = problems.map(({ path, message }) =>
    path === '' ? `the configuration ${message}` : `${path}: ${message}`,
  );
  return new PodwireError('CONFIG', lines.join('\n'));
}

/** Writes `peers[1].podCidr`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

/**
 * Says in our words what the schema found.
 * @param knownKeys the keys at a path, for a guess at what was meant
 */
export function schemaProblems(
  issues: readonly z.core.$ZodIssue[],
  knownKeys: (path: readonly PropertyKey[]) => readonly string[],
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ path: pathText(issue.path), message: valueProblem(issue) }];
    }
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      message: `is not a known key${suggestion(key, known)}`,
    }));
  });
}

function valueProblem({ path, input, message }: z.core.$ZodIssue): string {
  if (input === undefined)
    return `is missing${path.length === 1 ? `: set it in the file or with --${flagName(pathText(path))}` : ''}`;
  if (input === null) return 'has no value: give it one, or remove the key';
  return message.startsWith('must be') ? `${message}, not ${shown(input)}` : message;
}

/** A value as it is shown in a message: short. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}..."`;
}

/** `: did you mean X?` if one of the known names is near. */
function suggestion(name: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.ceil(candidate.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return near.length === 0 ? `; known here: ${known.join(', ')}` : `: did you mean ${near[0].candidate}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other. */
function editDistance(from: string, to: string): number {
  let swapRow: number[] = [];
  let lastRow = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replace = lastRow[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swaps = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swap = swaps ? swapRow[j - 2] + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(replace, swap, lastRow[j] + 1, row[j - 1] + 1));
    }
    swapRow = lastRow;
    lastRow = row;
  }
  return lastRow[to.length];
}
