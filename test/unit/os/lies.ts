/** A kernel that breaks one of the offloads that it offers: the real system calls, with one lie among them. */
import { FLAGS, LENGTH, MORE, OFFSET, RECORD, SEGMENT, STATUS, VIRTIO_HEADER } from '../../../src/bytes/batch.js';
import type { OffloadName } from '../../../src/control/config/offloads.js';
import { type SystemCalls, TUN_F_USO4 } from '../../../src/os/system-calls.js';
import { GSO_NONE, GSO_UDP_L4, gsoType, needsChecksum, sumOffset, sumStart } from '../../../src/wire/virtio.js';

const EINVAL = 22;
const EIO = 5;

interface Lie {
  /** What it breaks, and what its test must find. */
  readonly breaks: OffloadName;
  readonly found: 'broken' | 'not-offered';
  readonly reason?: RegExp;
  tell(real: SystemCalls): Partial<SystemCalls>;
}

export const LIES: Readonly<Record<string, Lie>> = {
  'segment-lost': segmentLie(/arrive$/, (records, row) => {
    records[row + LENGTH] -= records[row + LENGTH] % records[row + SEGMENT] || records[row + SEGMENT];
  }),
  'segment-sizes': segmentLie(/sizes|arrive$/, (records, row) => {
    records[row + SEGMENT]--;
  }),
  'segment-bytes': segmentLie(/bytes$/, (records, row, bytes) => {
    bytes[records[row + OFFSET] + records[row + SEGMENT]] ^= 1;
  }),
  'segment-refused': {
    ...segmentLie(/refused \(errno 5\)/, () => {}),
    tell: (real) => ({
      udpSend(fds, bytes, records, count, waitMs) {
        const plain = rows(count).filter((row) => records[row + SEGMENT] === 0);
        for (const row of rows(count)) records[row + STATUS] = EIO;
        for (const row of plain) real.udpSend(fds, bytes, records.subarray(row, row + RECORD), 1, waitMs);
        return plain.length;
      },
    }),
  },
  'gro-sizes': groLie(/sizes|arrive$/, (records, row) => {
    records[row + SEGMENT]++;
  }),
  'gro-bytes': groLie(/bytes$/, (records, row, bytes) => {
    bytes[records[row + OFFSET]] ^= 1;
  }),
  'checksum-out': readLie('checksum', /wrong checksums/, (bytes, at, header) => {
    if (gsoType(bytes, header) === GSO_NONE && needsChecksum(bytes, header))
      bytes[at + sumStart(bytes, header) + sumOffset(bytes, header)] ^= 1;
  }),
  'checksum-in': writeLie('checksum', (bytes, header) => {
    return gsoType(bytes, header) === GSO_NONE && needsChecksum(bytes, header);
  }),
  'tso-out': readLie('tso', /other bytes/, (bytes, at, header) => {
    if (isTcp(gsoType(bytes, header))) bytes[at + 1200] ^= 1;
  }),
  'tso-in': writeLie('tso', (bytes, header) => isTcp(gsoType(bytes, header))),
  'uso-out': readLie('uso', /other bytes/, (bytes, at, header) => {
    if (gsoType(bytes, header) === GSO_UDP_L4) bytes[at + 1200] ^= 1;
  }),
  'uso-in': writeLie('uso', (bytes, header) => gsoType(bytes, header) === GSO_UDP_L4),
  'no-uso': {
    breaks: 'uso',
    found: 'not-offered',
    tell: (real) => ({ tunOffload: (fd, mask) => (mask & TUN_F_USO4 ? EINVAL : real.tunOffload(fd, mask)) }),
  },
};

/** @param name one of `LIES` */
export function lying<T extends SystemCalls>(real: T, name: string): T {
  return { ...real, ...LIES[name].tell(real) };
}

type Spoil = (records: Int32Array, row: number, bytes: Uint8Array) => void;

/** Messages that are to be cut leave the machine spoilt. */
function segmentLie(reason: RegExp, spoil: Spoil): Lie {
  return {
    breaks: 'udpSegment',
    found: 'broken',
    reason,
    tell: (real) => ({
      udpSend(fds, bytes, records, count, waitMs) {
        const other = Int32Array.from(records);
        const spoilt = Buffer.from(bytes);
        for (const row of rows(count)) if (other[row + SEGMENT] > 0) spoil(other, row, spoilt);
        const sent = real.udpSend(fds, spoilt, other, count, waitMs);
        for (const row of rows(count)) records[row + STATUS] = other[row + STATUS];
        return sent;
      },
    }),
  };
}

/** Messages that were joined arrive spoilt. */
function groLie(reason: RegExp, spoil: Spoil): Lie {
  return {
    breaks: 'udpGro',
    found: 'broken',
    reason,
    tell: (real) => ({
      udpReceive(fd, bytes, cursor, slot, records, first, max) {
        const count = real.udpReceive(fd, bytes, cursor, slot, records, first, max);
        for (const row of rows(count, first)) if (records[row + SEGMENT] > 0) spoil(records, row, bytes);
        return count;
      },
    }),
  };
}

/** Packets come out of the device spoilt. */
function readLie(
  breaks: OffloadName,
  reason: RegExp,
  spoil: (bytes: Uint8Array, at: number, header: number) => void,
): Lie {
  return {
    breaks,
    found: 'broken',
    reason,
    tell: (real) => ({
      tunRead(fd, bytes, headroom, cursor, end, records, first) {
        const count = real.tunRead(fd, bytes, headroom, cursor, end, records, first);
        for (const row of rows(count, first))
          spoil(bytes, records[row + OFFSET], records[row + OFFSET] - VIRTIO_HEADER);
        return count;
      },
    }),
  };
}

/** Packets that go into the device are taken and lost. */
function writeLie(breaks: OffloadName, loses: (bytes: Uint8Array, header: number) => boolean): Lie {
  return {
    breaks,
    found: 'broken',
    reason: /lost|not arrive whole/,
    tell: (real) => ({
      tunWrite(fd, bytes, records, count) {
        const kept: number[] = [];
        let lost = 0;
        let losing = false;
        let begins = true;
        for (const row of rows(count)) {
          if (begins) {
            losing = loses(bytes, records[row + OFFSET] - VIRTIO_HEADER);
            if (losing) lost++;
          }
          records[row + STATUS] = 0;
          if (!losing) kept.push(...records.subarray(row, row + RECORD));
          begins = (records[row + FLAGS] & MORE) === 0;
        }
        return lost + real.tunWrite(fd, bytes, Int32Array.from(kept), kept.length / RECORD);
      },
    }),
  };
}

function isTcp(gso: number): boolean {
  return gso !== GSO_NONE && gso !== GSO_UDP_L4;
}

function rows(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => (first + i) * RECORD);
}
