/** A socket's error queue: what ICMP, and this kernel, say of datagrams that were sent. The C twin is in native/udp.c. */
import { ADDRESS, FLAGS, LENGTH, OFFSET, RECORD, SEGMENT, SOCKET, STATUS } from '../../bytes/batch.js';
import type { SystemCalls } from '../system-calls.js';
import { INT32_MAX, wantBytes, wantI32, wantRange, wantRecords, wantU32 } from './arguments.js';
import { EBADF, ENOTSOCK, systemError } from './error.js';
import type { Libc } from './library.js';
import { ArenaAddress } from './memory.js';
import {
  CHUNK,
  CONTROL_DATA,
  CONTROL_HEADER,
  CONTROL_LENGTH,
  CONTROL_LEVEL,
  CONTROL_TYPE,
  MESSAGE_LENGTH,
  MESSAGE_WORDS,
  Messages,
} from './messages.js';
import { ADDRESS_WORDS, addressToRecord } from './socket-address.js';

const MSG_DONTWAIT = 0x40;
const MSG_ERRQUEUE = 0x2000;

const IPPROTO_IP = 0;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;

/**
 * ```
 *  struct sock_extended_err   0       4        5      6      7     8      12     16 bytes, then the offender's address
 *                             +-------+--------+------+------+-----+------+------+
 *                             | errno | origin | type | code |     | info | data |
 *                             +-------+--------+------+------+-----+------+------+
 * ```
 */
const ERROR = 16;
/** The control message, with the longer kind of socket address behind the error, padded. */
const ERROR_CONTROL = CONTROL_HEADER + ERROR + 32;

export function udpErrorsCall(libc: Libc): Pick<SystemCalls, 'udpErrors'> {
  const arena = new ArenaAddress(libc);
  const messages = new Messages(libc, ERROR_CONTROL);
  const { headers } = messages;
  const destinations = messages.addresses.words;
  const controls = messages.controls.words;

  /** Who noticed, its errno, ICMP type and code, and for "too big" the MTU. */
  function readError(index: number, length: number, records: Int32Array, row: number): void {
    const at = index * messages.controlWords;
    const level = controls[at + CONTROL_LEVEL];
    const type = controls[at + CONTROL_TYPE];
    const isError = (level === IPPROTO_IP && type === IP_RECVERR) || (level === IPPROTO_IPV6 && type === IPV6_RECVERR);
    if (length < CONTROL_HEADER + ERROR || !isError) return;
    const origin = controls[at + CONTROL_DATA + 1];
    const info = controls[at + CONTROL_DATA + 2];
    records[row + STATUS] = controls[at + CONTROL_DATA];
    records[row + FLAGS] = origin & 0xff;
    records[row + SOCKET] = (((origin >>> 8) & 0xff) << 8) | ((origin >>> 16) & 0xff);
    records[row + SEGMENT] = info > INT32_MAX ? 0 : info;
  }

  return {
    udpErrors(fd, bytes, slot, records, max) {
      wantI32('fd', fd);
      wantBytes('bytes', bytes);
      wantU32('slot', slot);
      wantU32('max', max);
      wantRange(bytes, 0, slot * max);
      if (max > wantRecords('records', records) || slot * max > INT32_MAX) {
        throw new RangeError('max: more records than there are');
      }
      const base = arena.of(bytes);
      let filled = 0;
      while (filled < max) {
        const wanted = Math.min(max - filled, CHUNK);
        messages.receiveInto(base + filled * slot, slot, wanted);
        const count = libc.recvmmsg(fd, headers.address, wanted, MSG_ERRQUEUE | MSG_DONTWAIT, 0);
        if (count <= 0) {
          const errno = count < 0 ? libc.errno() : 0;
          if (filled === 0 && (errno === EBADF || errno === ENOTSOCK)) throw systemError(libc, 'recvmsg', errno);
          break;
        }
        for (let i = 0; i < count; i++) {
          const row = (filled + i) * RECORD;
          records[row + OFFSET] = (filled + i) * slot;
          records[row + LENGTH] = headers.words[i * MESSAGE_WORDS + MESSAGE_LENGTH];
          records.fill(0, row + SEGMENT, row + ADDRESS);
          addressToRecord(destinations, i * ADDRESS_WORDS, records, row);
          readError(i, headers.words[i * MESSAGE_WORDS + CONTROL_LENGTH], records, row);
        }
        filled += count;
        if (count < wanted) break;
      }
      return filled;
    },
  };
}
