/**
 * What ICMP, and this machine's kernel, report of datagrams that were sent: read from the sockets' error queues, off the
 * hot path, by whoever opened the sockets. Pure reading: whether a report is believed is not decided here.
 */
import { ADDRESS, Batch, FLAGS, LENGTH, OFFSET, PORT, RECORD, SEGMENT, SOCKET, STATUS } from '../bytes/batch.js';
import { EMSGSIZE } from '../bytes/errno.js';
import { icmpKind } from '../core/icmp-report.js';
import type { PathReport } from '../core/path-report.js';
import { POLLERR, type SystemCalls } from './system-calls.js';

/** Errors taken from one socket in one go: more than fit its buffer wait, and repeat what these say. */
const MOST = 32;
/** Of a quoted payload, bytes: VXLAN and inner Ethernet headers, and some. */
const SLOT = 64;
/** Descriptors of one poll. */
const POLLED = 64;
const POLL_WORDS = 3;

const LOCAL = 1;
const ICMP = 2;
const ICMPV6 = 3;

export class ErrorQueues {
  readonly #system: SystemCalls;
  /** Triples for poll(2); no event is asked for: POLLERR is always told. */
  readonly #polls: Int32Array[] = [];
  readonly #batch = Batch.allocate(MOST * SLOT, MOST);

  /** @param fds send-only sockets; they stay their opener's */
  constructor(system: SystemCalls, fds: readonly number[]) {
    this.#system = system;
    for (let first = 0; first < fds.length; first += POLLED) {
      this.#polls.push(Int32Array.from(fds.slice(first, first + POLLED).flatMap((fd) => [fd, 0, 0])));
    }
  }

  /** Whether anything waits. */
  waiting(): boolean {
    for (let i = 0; i < this.#polls.length; i++) if (this.#system.poll(this.#polls[i], 0) > 0) return true;
    return false;
  }

  /** Hands over what waits. A report's bytes are lent until the call of `take` returns. */
  read(take: (report: PathReport) => void): void {
    for (const polled of this.#polls) {
      if (this.#system.poll(polled, 0) === 0) continue;
      for (let i = 0; i < polled.length; i += POLL_WORDS) if (polled[i + 2] & POLLERR) this.#readOne(polled[i], take);
    }
  }

  #readOne(fd: number, take: (report: PathReport) => void): void {
    const { bytes, records } = this.#batch;
    const count = this.#system.udpErrors(fd, bytes, SLOT, records, MOST);
    for (let row = 0; row < count * RECORD; row += RECORD) {
      const offset = records[row + OFFSET];
      take({
        kind: kindOf(records[row + FLAGS], records[row + SOCKET], records[row + STATUS]),
        mtu: records[row + SEGMENT],
        destination: records.subarray(row + ADDRESS, row + ADDRESS + 4),
        port: records[row + PORT],
        quoted: bytes.subarray(offset, offset + records[row + LENGTH]),
      });
    }
  }
}

function kindOf(origin: number, icmp: number, errno: number): PathReport['kind'] {
  if (origin === LOCAL) return errno === EMSGSIZE ? 'link' : 'other';
  if (origin !== ICMP && origin !== ICMPV6) return 'other';
  return icmpKind(origin === ICMP ? 4 : 6, icmp >> 8, icmp & 0xff);
}
