/** What remembers pods over the life of a node; src/os/pod-journal-file.ts is a file. */
import type { Entry } from './journal.js';

export interface PodStore {
  /** Which boot of the machine this is. */
  readonly boot: string;
  /**
   * Adds lines. They outlive the process when this returns, a power cut when the promise it gives has resolved.
   * @throws PodwireError MACHINE: they are not written
   */
  append(entries: readonly Entry[]): { readonly durable: Promise<void> };
  /** Puts the lines in the place of all that there are, as a whole or not at all, durably. @throws PodwireError MACHINE */
  replace(entries: readonly Entry[]): void;
  /** Lines since the last `replace`. */
  readonly lines: number;
}
