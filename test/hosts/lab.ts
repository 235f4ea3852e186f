/** Helpers for tests that need a lab: in words, why one cannot be made here. For tap's `skip`. */
import { accessSync, constants } from 'node:fs';
import { mayMakeNamespaces } from '../../src/lab/privileges.js';
import { hasProgram } from '../../src/lab/tools.js';
import { findSystemCalls, loadNative } from '../../src/os/native.js';

/** Why there can be no lab; false if there can. */
export function namespaceSkip(): string | false {
  if (!mayMakeNamespaces()) return 'needs root, or the capabilities NET_ADMIN and SYS_ADMIN';
  return needs('ip', 'iproute2') || needs('nsenter', 'util-linux');
}

/** Why podwire cannot run in a lab; false if it can. */
export function labSkip(): string | false {
  const obstacle = namespaceSkip();
  if (obstacle) return obstacle;
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return 'needs /dev/net/tun, readable and writable';
  }
  try {
    loadNative();
  } catch (error) {
    return `needs the addon or koffi: ${(error as Error).message}`;
  }
  return false;
}

/** Why podwire cannot do without the addon here; false if it can. */
export function koffiSkip(): string | false {
  const found = findSystemCalls({ PODWIRE_NATIVE: 'off' });
  return found.by === 'none' ? `needs koffi: ${found.problem}` : false;
}

/** Why a test of an outside program is skipped; false if it is installed. */
export function needs(program: string, inPackage: string = program): string | false {
  return hasProgram(program) ? false : `needs the program ${program} (package ${inPackage})`;
}
