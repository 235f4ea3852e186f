/** Gives up the capabilities that a running node does not need. */
import { readFileSync } from 'node:fs';
import type { SystemCalls } from './system-calls.js';

const CAP_NET_ADMIN = 12n;

/**
 * Keeps CAP_NET_ADMIN (routes are removed at the end) for the calling thread and all threads and processes that it
 * starts from then on, so for the workers, which read what comes from outside.
 */
export function dropPrivileges(system: SystemCalls): void {
  const effective = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'));
  if (!effective) return;
  system.keepCapabilities(BigInt(`0x${effective[1]}`) & (1n << CAP_NET_ADMIN));
}
