/**
 * The lines of the file that remembers pods (src/os/pod-journal-file.ts): pure text. A change is one line that is added at the
 * end, with a checksum before it: what a power cut tore off or a bad disk changed is known as such. A process that is
 * killed loses nothing that was written.
 *
 * ```
 * 5d41402a {"do":"begin","version":1,"boot":"8c0…"}
 * 7b8b965a {"do":"making","record":{…}}
 * ```
 */
import { crc32 } from 'node:zlib';
import type { PodRecord } from './pod-record.js';

export const VERSION = 1;

export type Entry =
  /** The first. Of which boot of the machine the file tells: pods of an earlier one are gone. */
  | { readonly do: 'begin'; readonly version: number; readonly boot: string }
  /** A pod's device is about to be made. One that stays like this is half made. */
  | { readonly do: 'making'; readonly record: PodRecord }
  | { readonly do: 'whole'; readonly key: string }
  /** @see PodAddresses.release; `at`: ms since 1970 */
  | { readonly do: 'gone'; readonly key: string; readonly at: number }
  /** An address that was given back then. */
  | { readonly do: 'rest'; readonly address: string; readonly at: number };

export interface Reading {
  readonly entries: readonly Entry[];
  /** Numbers of lines, from 1, that are not as they were written. */
  readonly damaged: readonly number[];
  /** The last line was cut off while it was written: what it would have said was not told to anybody. */
  readonly torn: boolean;
}

export function writeLine(entry: Entry): string {
  const text = JSON.stringify(entry);
  return `${checksum(text)} ${text}\n`;
}

export function readLines(file: string): Reading {
  const lines = file.split('\n');
  // Behind the last line break there is nothing, or what was torn.
  const torn = lines.pop() !== '';
  const damaged: number[] = [];
  const entries = lines.flatMap((line, index) => {
    const entry = readLine(line);
    if (entry === undefined) damaged.push(index + 1);
    return entry ?? [];
  });
  if (entries[0]?.do !== 'begin' && !damaged.includes(1)) damaged.unshift(1);
  return { entries, damaged, torn };
}

function readLine(line: string): Entry | undefined {
  const text = line.slice(9);
  if (line[8] !== ' ' || line.slice(0, 8) !== checksum(text)) return undefined;
  try {
    // The checksum says that it is what we wrote; the version is the first line's to say.
    return JSON.parse(text) as Entry;
  } catch {
    return undefined;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
