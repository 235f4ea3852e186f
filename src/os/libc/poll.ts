/** Where a worker sleeps, and how another thread wakes it. The C twin is native/poll.c. */
import type { SystemCalls } from '../system-calls.js';
import { wantI32, wantInts } from './arguments.js';
import { EAGAIN, EINTR, systemError } from './error.js';
import type { Libc } from './library.js';
import { Struct } from './memory.js';

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
/** A ring is a number of 64 bits. */
const RING = 8;
const MAX_FDS = 64;

/**
 * ```
 *  struct pollfd   0        4        6         8 bytes
 *                  +--------+--------+---------+
 *                  | fd     | events | revents |
 *                  +--------+--------+---------+
 * ```
 */
const POLLFD = 8;

export function pollCalls(libc: Libc): Pick<SystemCalls, 'wakerOpen' | 'wakerRing' | 'wakerDrain' | 'poll' | 'close'> {
  const one = new Struct(libc, RING);
  one.words[0] = 1;
  const rings = new Struct(libc, RING);
  const polled = new Struct(libc, MAX_FDS * POLLFD);
  const { words } = polled;
  // Read from the object it would be a new number each time.
  const polledAddress = polled.address;

  return {
    wakerOpen() {
      const fd = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
      if (fd < 0) throw systemError(libc, 'eventfd');
      return fd;
    },

    wakerRing(fd) {
      wantI32('fd', fd);
      if (libc.write(fd, one.address, RING) >= 0) return;
      // EAGAIN: it has been rung 2^64 - 2 times, so it is awake.
      const errno = libc.errno();
      if (errno !== EAGAIN) throw systemError(libc, 'write to the waker', errno);
    },

    wakerDrain(fd) {
      wantI32('fd', fd);
      return libc.read(fd, rings.address, RING) === RING;
    },

    poll(fds, timeoutMs) {
      wantInts('fds', fds);
      wantI32('timeoutMs', timeoutMs);
      const count = fds.length / 3;
      if (count > MAX_FDS || !Number.isInteger(count)) {
        throw new RangeError('fds: triples are wanted, at most 64');
      }
      for (let i = 0; i < count; i++) {
        words[2 * i] = fds[3 * i];
        words[2 * i + 1] = fds[3 * i + 1] & 0xffff;
      }
      const ready = libc.poll(polledAddress, count, timeoutMs);
      if (ready < 0) {
        const errno = libc.errno();
        if (errno !== EINTR) throw systemError(libc, 'poll', errno);
      }
      for (let i = 0; i < count; i++) fds[3 * i + 2] = ready < 0 ? 0 : words[2 * i + 1] >>> 16;
      return Math.max(ready, 0);
    },

    close(fd) {
      wantI32('fd', fd);
      if (libc.close(fd) === 0) return;
      const errno = libc.errno();
      if (errno !== EINTR) throw systemError(libc, 'close', errno);
    },
  };
}
