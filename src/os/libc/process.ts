/**
 * What a daemon owes its machine: word to the service manager, and no more privileges than it needs. The C twin is
 * native/process.c.
 */
import type { SystemCalls } from '../system-calls.js';
import { wantI32, wantString } from './arguments.js';
import { EAGAIN, EINVAL, systemError } from './error.js';
import type { Libc } from './library.js';
import { Struct } from './memory.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/** struct sockaddr_un: the family in 2 bytes, the path in 108, of which the last is zero. */
const PATH = 2;
const PATH_SIZE = 108;
const MESSAGE_SIZE = 1024;
const AT = 0x40;

const LOCK_EX = 2;
const LOCK_NB = 4;

const PR_CAPBSET_DROP = 24;
const CAPABILITIES = 64n;
const CAPABILITY_VERSION_3 = 0x20080522;
/** struct __user_cap_header_struct: version, thread (0: this one). */
const CAPABILITY_HEADER = 8;
/** Twice struct __user_cap_data_struct, the low half of each set and then the high: effective, permitted, inheritable. */
const CAPABILITY_DATA = 24;
const SETS = 3;

/** The same numbers on every machine. */
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;

export function processCalls(libc: Libc): Pick<SystemCalls, 'notify' | 'keepCapabilities' | 'descriptorOf' | 'lock'> {
  const address = new Struct(libc, PATH + PATH_SIZE + 2);
  address.halves[0] = AF_UNIX;
  const text = new Struct(libc, MESSAGE_SIZE);
  const header = new Struct(libc, CAPABILITY_HEADER);
  header.words[0] = CAPABILITY_VERSION_3;
  const data = new Struct(libc, CAPABILITY_DATA);

  return {
    notify(path, message) {
      wantString('path', path, PATH_SIZE);
      wantString('message', message, MESSAGE_SIZE);
      address.bytes.fill(0, PATH);
      const { written: pathLength } = new TextEncoder().encodeInto(path, address.bytes.subarray(PATH));
      const { written: length } = new TextEncoder().encodeInto(message, text.bytes);
      if (address.bytes[PATH] === AT) address.bytes[PATH] = 0;

      const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      if (fd < 0) throw systemError(libc, 'socket');
      const sent = libc.sendto(fd, text.address, length, MSG_NOSIGNAL, address.address, PATH + pathLength);
      const errno = libc.errno();
      libc.close(fd);
      if (sent < 0) throw systemError(libc, 'sendto', errno);
    },

    keepCapabilities(mask) {
      if (typeof mask !== 'bigint' || BigInt.asUintN(64, mask) !== mask) {
        throw new TypeError('mask: a BigInt of 64 bits is wanted');
      }
      // The bounding set first: dropping from it takes a capability. Without that one, what is left still shrinks below.
      for (let capability = 0n; capability < CAPABILITIES; capability++) {
        if (((mask >> capability) & 1n) === 1n) continue;
        if (libc.prctl(PR_CAPBSET_DROP, Number(capability), 0, 0, 0) !== 0 && libc.errno() === EINVAL) break;
      }
      if (libc.capget(header.address, data.address) !== 0) throw systemError(libc, 'capget');
      const kept = [Number(mask & 0xffff_ffffn), Number(mask >> 32n)];
      for (let word = 0; word < data.words.length; word++) data.words[word] &= kept[Math.floor(word / SETS)];
      if (libc.capset(header.address, data.address) !== 0) throw systemError(libc, 'capset');
    },

    descriptorOf(pid, fd) {
      wantI32('pid', pid);
      wantI32('fd', fd);
      const theirs = libc.syscall(SYS_PIDFD_OPEN, pid, 0, 0);
      if (theirs < 0) throw systemError(libc, 'pidfd_open');
      const copy = libc.syscall(SYS_PIDFD_GETFD, theirs, fd, 0);
      const errno = libc.errno();
      libc.close(theirs);
      if (copy < 0) throw systemError(libc, 'pidfd_getfd', errno);
      return copy;
    },

    lock(fd) {
      wantI32('fd', fd);
      if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
      const errno = libc.errno();
      if (errno !== EAGAIN) throw systemError(libc, 'flock', errno);
      return false;
    },
  };
}
