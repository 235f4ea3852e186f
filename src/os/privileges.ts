/** Gives up the capabilities that a running node does not need. */
import { readFileSync } from 'node:fs';
import type { SystemCalls } from './system-calls.js';

const CAP_NET_ADMIN = 12n;
const CAP_SYS_PTRACE = 19n;
const CAP_SYS_ADMIN = 21n;

/** For threads that read what comes from outside: nothing but the device and its sockets. */
const WORKER = [CAP_NET_ADMIN];

/** For the main thread: pods' namespaces are opened (of processes that are not ours) and entered. */
export const MAIN_THREAD = [CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYS_ADMIN];

/** Keeps these capabilities for the calling thread and all threads and processes that it starts from then on. */
export function dropPrivileges(system: SystemCalls, kept: readonly bigint[] = WORKER): void {
  const effective = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1];
  if (!effective) return;
  const mask = kept.reduce((bits, capability) => bits | (1n << capability), 0n);
  system.keepCapabilities(BigInt(`0x${effective}`) & mask);
}
