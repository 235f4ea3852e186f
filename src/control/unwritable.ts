/** Why a file cannot be written, in words. */

/** @returns what to do about this errno, up to where another place is the other choice */
export function mendOf(code: string, otherwise: string): string {
  if (code === 'EACCES' || code === 'EPERM') return 'run as its owner';
  if (code === 'ENOSPC') return 'the disk is full: make room';
  if (code === 'EDQUOT') return 'the quota is used up: make room';
  if (code === 'EROFS') return 'the file system is read-only: mount it writable';
  return otherwise;
}
