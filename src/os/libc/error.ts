/** A failed system call as an Error with code, errno and syscall, as Node's own have. */
import { constants } from 'node:os';
import type { SystemError } from '../system-calls.js';
import type { Libc } from './library.js';

export const EINTR = constants.errno.EINTR;
export const EIO = constants.errno.EIO;
export const EBADF = constants.errno.EBADF;
export const EAGAIN = constants.errno.EAGAIN;
export const EINVAL = constants.errno.EINVAL;
export const ENOTSOCK = constants.errno.ENOTSOCK;
export const EMSGSIZE = constants.errno.EMSGSIZE;
export const ENOBUFS = constants.errno.ENOBUFS;

/** Names by number. Node leaves out EBADFD, and has two names for some: the addon's goes last. */
const NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]): [number, string] => [number, name]),
  [EAGAIN, 'EAGAIN'],
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  [77, 'EBADFD'],
]);

/** @param errno of the failed call; by default the last one's, to be asked for before anything else is done */
export function systemError(libc: Libc, syscall: string, errno = libc.errno()): SystemError {
  const code = NAMES.get(errno) ?? 'UNKNOWN';
  return Object.assign(new Error(`${syscall}: ${libc.strerror(errno)}`), { code, errno, syscall });
}
