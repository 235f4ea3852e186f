/**
 * TUN queues: packets with their virtio header, straight between the kernel and the caller's arena. The C twin is
 * native/tun.c.
 */
import { FLAGS, LENGTH, MORE, OFFSET, RECORD, STATUS, VIRTIO_HEADER } from '../../bytes/batch.js';
import type { SystemCalls } from '../system-calls.js';
import {
  INT32_MAX,
  wantBoolean,
  wantBytes,
  wantI32,
  wantRange,
  wantRecords,
  wantString,
  wantU32,
} from './arguments.js';
import { EAGAIN, EINTR, EIO, EMSGSIZE, systemError } from './error.js';
import type { Libc } from './library.js';
import { ArenaAddress, Struct } from './memory.js';

const O_RDWR = 0o2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const IFF_TUN = 0x0001;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const TUNSETVNETLE = 0x400454dc;

/** struct ifreq: the name in 16 bytes, the flags in the next 2, the rest of 40 is not ours. */
const IFREQ = 40;
const NAME_SIZE = 16;

/** The longest IP packet, bytes; room for one must be there before it is read. */
const LONGEST = 65_535;
/** Slices of a packet in one writev (UIO_MAXIOV); the virtio header shares the first. */
const MAX_SLICES = 1024;

/**
 * ```
 *  struct iovec   0                8                16 bytes
 *                 +----------------+----------------+
 *                 | iov_base       | iov_len        |
 *                 +----------------+----------------+
 * ```
 */
const IOVEC = 16;
const IOVEC_WORDS = IOVEC / 4;

export function tunCalls(libc: Libc): Pick<SystemCalls, 'tunOpen' | 'tunOffload' | 'tunRead' | 'tunWrite'> {
  const { readv, writev, errno } = libc;
  const reading = new ArenaAddress(libc);
  const writing = new ArenaAddress(libc);
  const vectors = new Struct(libc, MAX_SLICES * IOVEC);
  const { words } = vectors;
  // A pointer given to koffi is a number too large to be kept without an object: that of these vectors is made once.
  const vectorsAddress = vectors.address;
  const request = new Struct(libc, IFREQ);
  /** The virtio header's size, and that it is little-endian. */
  const settings = new Struct(libc, 8);
  settings.words.set([VIRTIO_HEADER, 1]);

  /** @param argument an address. @throws SystemError; then the descriptor is closed */
  function setUp(fd: number, code: number, name: string, argument: number): void {
    if (libc.ioctl(fd, code, argument) === 0) return;
    const error = systemError(libc, name);
    libc.close(fd);
    throw error;
  }

  /** Writes the packet that begins at record `first`; 0 or an errno. */
  function writePacket(fd: number, base: number, records: Int32Array, first: number, slices: number): number {
    if (slices > MAX_SLICES) return EMSGSIZE;
    let row = first * RECORD;
    const start = base + records[row + OFFSET] - VIRTIO_HEADER;
    const length = records[row + LENGTH] + VIRTIO_HEADER;
    for (;;) {
      vectors.setPointer(0, start);
      words[2] = length;
      for (let i = 1; i < slices; i++) {
        row += RECORD;
        vectors.setPointer(i * IOVEC_WORDS, base + records[row + OFFSET]);
        words[i * IOVEC_WORDS + 2] = records[row + LENGTH];
      }
      if (writev(fd, vectorsAddress, slices) >= 0) return 0;
      row = first * RECORD;
      const error = errno();
      if (error !== EINTR) return error;
    }
  }

  return {
    tunOpen(name, multiQueue, exclusive) {
      wantString('name', name, NAME_SIZE);
      wantBoolean('multiQueue', multiQueue);
      wantBoolean('exclusive', exclusive);
      request.bytes.fill(0);
      new TextEncoder().encodeInto(name, request.bytes);
      request.halves[NAME_SIZE / 2] =
        IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | (multiQueue ? IFF_MULTI_QUEUE : 0) | (exclusive ? IFF_TUN_EXCL : 0);

      const fd = libc.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
      if (fd < 0) throw systemError(libc, 'open /dev/net/tun');
      setUp(fd, TUNSETIFF, 'TUNSETIFF', request.address);
      setUp(fd, TUNSETVNETHDRSZ, 'TUNSETVNETHDRSZ', settings.address);
      setUp(fd, TUNSETVNETLE, 'TUNSETVNETLE', settings.address + 4);
      return fd;
    },

    tunOffload(fd, mask) {
      wantI32('fd', fd);
      wantU32('mask', mask);
      return libc.ioctl(fd, TUNSETOFFLOAD, mask) === 0 ? 0 : errno();
    },

    tunRead(fd, bytes, headroom, cursor, end, records, first) {
      wantI32('fd', fd);
      wantBytes('bytes', bytes);
      wantU32('headroom', headroom);
      wantU32('cursor', cursor);
      wantU32('end', end);
      wantU32('first', first);
      const capacity = wantRecords('records', records);
      if (headroom < VIRTIO_HEADER || cursor > end || end > bytes.length || end > INT32_MAX || first > capacity) {
        throw new RangeError('headroom, cursor, end or first are out of range');
      }
      const base = reading.of(bytes);
      let packets = 0;
      let at = cursor;
      while (first + packets < capacity && at + headroom + LONGEST <= end) {
        vectors.setPointer(0, base + at + headroom - VIRTIO_HEADER);
        words[2] = VIRTIO_HEADER + LONGEST;
        const size = readv(fd, vectorsAddress, 1);
        if (size < 0) {
          const error = errno();
          if (error === EINTR) continue;
          if (error === EAGAIN || error === EIO || packets > 0) break;
          throw systemError(libc, 'read from the device', error);
        }
        if (size < VIRTIO_HEADER) break;
        const row = (first + packets++) * RECORD;
        records.fill(0, row, row + RECORD);
        records[row + OFFSET] = at + headroom;
        records[row + LENGTH] = size - VIRTIO_HEADER;
        at = Math.ceil((at + headroom + size - VIRTIO_HEADER) / 4) * 4;
      }
      return packets;
    },

    tunWrite(fd, bytes, records, count) {
      wantI32('fd', fd);
      wantBytes('bytes', bytes);
      wantU32('count', count);
      if (count > wantRecords('records', records) || (count > 0 && goesOn(records, count - 1))) {
        throw new RangeError('count: more records than there are, or the last packet goes on behind them');
      }
      for (let i = 0, starts = true; i < count; i++) {
        const offset = records[i * RECORD + OFFSET];
        const length = records[i * RECORD + LENGTH];
        if (offset < (starts ? VIRTIO_HEADER : 0) || length < 0) {
          throw new RangeError('a packet or the virtio header before it does not lie within the bytes');
        }
        wantRange(bytes, offset, length);
        starts = !goesOn(records, i);
      }

      const base = writing.of(bytes);
      let taken = 0;
      for (let first = 0, slices = 1; first < count; first += slices) {
        for (slices = 1; goesOn(records, first + slices - 1); ) slices++;
        const status = writePacket(fd, base, records, first, slices);
        records[first * RECORD + STATUS] = status;
        if (status === 0) taken++;
      }
      return taken;
    },
  };
}

function goesOn(records: Int32Array, index: number): boolean {
  return (records[index * RECORD + FLAGS] & MORE) !== 0;
}
