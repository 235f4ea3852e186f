/** Datagrams, many a call, joined and cut by the kernel (UDP_GRO, UDP_SEGMENT). The C twin is native/udp.c. */
import { ADDRESS, LENGTH, OFFSET, PORT, RECORD, SEGMENT, SOCKET, STATUS, TOS } from '../../bytes/batch.js';
import { POLLOUT, type SystemCalls } from '../system-calls.js';
import { INT32_MAX, wantBytes, wantI32, wantInts, wantRange, wantRecords, wantU32 } from './arguments.js';
import { EAGAIN, EBADF, EINTR, EIO, EMSGSIZE, ENOBUFS, ENOTSOCK, systemError } from './error.js';
import type { Libc } from './library.js';
import { ArenaAddress, Struct } from './memory.js';
import {
  CHUNK,
  CONTROL_DATA,
  CONTROL_HEADER,
  CONTROL_LENGTH,
  CONTROL_LEVEL,
  CONTROL_TYPE,
  MESSAGE,
  MESSAGE_FLAGS,
  MESSAGE_LENGTH,
  MESSAGE_WORDS,
  Messages,
  NAME_LENGTH,
  VECTOR_LENGTH,
  VECTOR_WORDS,
} from './messages.js';
import { ADDRESS_WORDS, AF_INET, addressToRecord, familyAt, putAddress } from './socket-address.js';

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

const IPPROTO_IP = 0;
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;
const IP_TOS = 1;
const IPV6_TCLASS = 67;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

/** Sends of one record: an error that ICMP left on the socket fails a send that has nothing to do with it. */
const SEND_TRIES = 3;
/** Messages that are asked for first: what wakes a thread is mostly alone, and preparing for many costs microseconds. */
const FEW = 4;
/** Control messages of a received datagram: two, of an int at most. */
const RECEIVED_CONTROL = 2 * (CONTROL_HEADER + 8);
/** Of a sent one: the segment's size, 16 bits, or the TOS, an int, or one behind the other. */
const SENT_CONTROL = CONTROL_HEADER + 8;
const SENT_CONTROLS = 2 * SENT_CONTROL;

export function udpReceiveCall(libc: Libc): Pick<SystemCalls, 'udpReceive'> {
  const arena = new ArenaAddress(libc);
  const messages = new Messages(libc, RECEIVED_CONTROL);
  const { headers } = messages;
  // Read from the object it would be a new number each time.
  const headersAddress = headers.address;
  const senders = messages.addresses.words;
  const controls = messages.controls.words;

  /** What the kernel says beside datagram `index`: the size of those it joined, and the TOS. */
  function readControl(index: number, length: number, records: Int32Array, row: number): void {
    const start = (index * RECEIVED_CONTROL) / 4;
    const end = start + length / 4;
    for (let at = start; at + CONTROL_DATA < end; ) {
      const size = controls[at];
      const level = controls[at + CONTROL_LEVEL];
      const type = controls[at + CONTROL_TYPE];
      const data = controls[at + CONTROL_DATA];
      if (size <= CONTROL_HEADER) return;
      if (level === IPPROTO_UDP && type === UDP_GRO) {
        if (data > 0 && data < records[row + LENGTH]) records[row + SEGMENT] = data;
      } else if ((level === IPPROTO_IP && type === IP_TOS) || (level === IPPROTO_IPV6 && type === IPV6_TCLASS)) {
        records[row + TOS] = data & 0xff;
      }
      at += ((size + 7) >>> 3) * 2;
    }
  }

  return {
    udpReceive(fd, bytes, cursor, slot, records, first, max) {
      wantI32('fd', fd);
      wantBytes('bytes', bytes);
      wantU32('cursor', cursor);
      wantU32('slot', slot);
      wantU32('first', first);
      wantU32('max', max);
      wantRange(bytes, cursor, slot * max);
      if (first + max > wantRecords('records', records) || cursor + slot * max > INT32_MAX) {
        throw new RangeError('first and max: more records than there are');
      }
      const base = arena.of(bytes);
      let filled = 0;
      while (filled < max) {
        const wanted = Math.min(max - filled, filled === 0 ? FEW : CHUNK);
        messages.receiveInto(base + cursor + filled * slot, slot, wanted);
        const count = libc.recvmmsg(fd, headersAddress, wanted, MSG_DONTWAIT, 0);
        if (count <= 0) {
          if (count === 0 || filled > 0) break;
          const errno = libc.errno();
          if (errno === EBADF || errno === ENOTSOCK) throw systemError(libc, 'recvmmsg', errno);
          break;
        }
        for (let i = 0; i < count; i++) {
          const message = i * MESSAGE_WORDS;
          const row = (first + filled + i) * RECORD;
          const truncated = (headers.words[message + MESSAGE_FLAGS] & MSG_TRUNC) !== 0;
          records[row + OFFSET] = cursor + (filled + i) * slot;
          records[row + LENGTH] = truncated ? 0 : headers.words[message + MESSAGE_LENGTH];
          records.fill(0, row + SEGMENT, row + ADDRESS);
          if (truncated) records[row + STATUS] = EMSGSIZE;
          addressToRecord(senders, i * ADDRESS_WORDS, records, row);
          readControl(i, headers.words[message + CONTROL_LENGTH], records, row);
        }
        filled += count;
        if (count < wanted) break;
      }
      return filled;
    },
  };
}

export function udpSendCall(libc: Libc): Pick<SystemCalls, 'udpSend'> {
  const arena = new ArenaAddress(libc);
  const messages = new Messages(libc, SENT_CONTROLS);
  const { headers, vectors } = messages;
  const headersAddress = headers.address;
  const receivers = messages.addresses.words;
  const controls = messages.controls.words;
  /** struct pollfd of a full socket. */
  const full = new Struct(libc, 8);
  /** How long this call may still wait for room, ms. */
  let patience = 0;

  /** @param at word of the control message @param size bytes of its data */
  function putControl(at: number, level: number, type: number, data: number, size: number): void {
    controls[at] = CONTROL_HEADER + size;
    controls[at + CONTROL_LEVEL] = level;
    controls[at + CONTROL_TYPE] = type;
    controls[at + CONTROL_DATA] = data;
  }

  function fill(index: number, base: number, records: Int32Array, row: number): void {
    const length = records[row + LENGTH];
    const segment = records[row + SEGMENT];
    const tos = records[row + TOS];
    const message = index * MESSAGE_WORDS;
    vectors.setPointer(index * VECTOR_WORDS, base + records[row + OFFSET]);
    vectors.words[index * VECTOR_WORDS + VECTOR_LENGTH] = length;
    const to = index * ADDRESS_WORDS;
    headers.words[message + NAME_LENGTH] = putAddress(receivers, to, records, row + ADDRESS, records[row + PORT]);

    const first = index * messages.controlWords;
    let control = first;
    if (segment > 0 && segment < length) {
      putControl(control, IPPROTO_UDP, UDP_SEGMENT, segment, 2);
      control += SENT_CONTROL / 4;
    }
    if (tos > 0) {
      if (familyAt(receivers, to) === AF_INET) putControl(control, IPPROTO_IP, IP_TOS, tos, 4);
      else putControl(control, IPPROTO_IPV6, IPV6_TCLASS, tos, 4);
      control += SENT_CONTROL / 4;
    }
    headers.words[message + CONTROL_LENGTH] = (control - first) * 4;
  }

  /**
   * Waits for room in a full socket, once a call. An error that nobody has read yet ends the first poll at once: then the
   * rest of the time is slept.
   */
  function hasRoom(fd: number): boolean {
    const waitMs = patience;
    patience = 0;
    full.words[0] = fd;
    full.words[1] = POLLOUT;
    if (waitMs <= 0 || libc.poll(full.address, 1, waitMs) <= 0) return false;
    if (((full.words[1] >>> 16) & POLLOUT) === 0) libc.poll(full.address, 0, waitMs);
    return true;
  }

  /** Sends records of one socket, up to CHUNK. A refused one is marked and passed over. Returns how many were sent. */
  function sendChunk(fd: number, base: number, records: Int32Array, first: number, count: number): number {
    for (let i = 0; i < count; i++) {
      fill(i, base, records, (first + i) * RECORD);
      records[(first + i) * RECORD + STATUS] = 0;
    }
    let sent = 0;
    let tries = 0;
    for (let at = 0; at < count; ) {
      const done = libc.sendmmsg(
        fd,
        at === 0 ? headersAddress : headersAddress + at * MESSAGE,
        count - at,
        MSG_DONTWAIT,
      );
      if (done > 0) {
        at += done;
        sent += done;
        tries = 0;
        continue;
      }
      const errno = done < 0 ? libc.errno() : EIO;
      if (errno === EINTR || (errno === EAGAIN && hasRoom(fd))) continue;
      // The failed send took the error off the socket: what is left fails again. A full queue is no such error.
      if (done < 0 && errno !== EAGAIN && errno !== ENOBUFS && ++tries < SEND_TRIES) continue;
      records[(first + at++) * RECORD + STATUS] = errno;
      tries = 0;
    }
    return sent;
  }

  return {
    udpSend(fds, bytes, records, count, waitMs) {
      wantInts('fds', fds);
      wantBytes('bytes', bytes);
      wantU32('count', count);
      wantI32('waitMs', waitMs);
      if (count > wantRecords('records', records) || fds.length === 0) {
        throw new RangeError('count: more records than there are, or no socket');
      }
      for (let row = 0; row < count * RECORD; row += RECORD) checkRecord(bytes, records, row);

      const base = arena.of(bytes);
      patience = waitMs;
      let sent = 0;
      for (let first = 0, length = 0; first < count; first += length) {
        const socket = records[first * RECORD + SOCKET] % fds.length;
        for (length = 1; first + length < count && length < CHUNK; length++) {
          if (records[(first + length) * RECORD + SOCKET] % fds.length !== socket) break;
        }
        sent += sendChunk(fds[socket], base, records, first, length);
      }
      return sent;
    },
  };
}

function checkRecord(bytes: Uint8Array, records: Int32Array, row: number): void {
  const segment = records[row + SEGMENT];
  const tos = records[row + TOS];
  const port = records[row + PORT];
  if (
    records[row + OFFSET] < 0 ||
    records[row + LENGTH] < 0 ||
    segment < 0 ||
    segment > 0xffff ||
    tos < 0 ||
    tos > 0xff ||
    records[row + SOCKET] < 0 ||
    port < 0 ||
    port > 0xffff
  ) {
    throw new RangeError("a record's offset, length, segment, TOS, socket or port is out of range");
  }
  wantRange(bytes, records[row + OFFSET], records[row + LENGTH]);
}
