/** The two modules that make system calls, for tests that both must pass. */
import { findAddon, type NoAddon } from '../../../src/os/addon.js';
import { findLibc } from '../../../src/os/libc/index.js';
import { loadNative } from '../../../src/os/native.js';
import type { SystemCalls } from '../../../src/os/system-calls.js';

/** Either of them, or what it needs, for tap's `skip`. */
export interface Candidate {
  readonly name: 'addon' | 'koffi';
  readonly system?: SystemCalls;
  readonly skip: string | false;
}

export const both: readonly Candidate[] = [candidate('addon', findAddon()), candidate('koffi', findLibc())];

/** The one that podwire would use here. */
export function anySystemCalls(): Omit<Candidate, 'name'> {
  try {
    return { system: loadNative().system, skip: false };
  } catch (error) {
    return { skip: `needs the addon or koffi: ${(error as Error).message}` };
  }
}

function candidate(name: Candidate['name'], found: SystemCalls | NoAddon): Candidate {
  return 'problem' in found ? { name, skip: `needs it: ${found.problem}` } : { name, system: found, skip: false };
}
