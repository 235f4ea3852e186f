/**
 * The system calls without the addon: libc's functions through the optional package koffi, structs laid out by hand.
 * Slower than C by what a call costs, and the same otherwise: test/unit/os/system-calls.test.ts runs both.
 */
import type { NoAddon } from '../addon.js';
import type { SystemCalls } from '../system-calls.js';
import { bindLibc, type Libc } from './library.js';
import { pollCalls } from './poll.js';
import { processCalls } from './process.js';
import { tunCalls } from './tun.js';
import { udpCalls } from './udp.js';
import { udpErrorsCall } from './udp-errors.js';
import { udpReceiveCall, udpSendCall } from './udp-packets.js';

let found: SystemCalls | NoAddon | undefined;

/** Looks for koffi and loads it, in each thread once; or says why not, and what would help. */
export function findLibc(): SystemCalls | NoAddon {
  if (!found) {
    const libc = bindLibc();
    found = 'problem' in libc ? libc : libcCalls(libc);
  }
  return found;
}

function libcCalls(libc: Libc): SystemCalls {
  return {
    ...tunCalls(libc),
    ...udpCalls(libc),
    ...udpReceiveCall(libc),
    ...udpSendCall(libc),
    ...udpErrorsCall(libc),
    ...pollCalls(libc),
    ...processCalls(libc),
  };
}
