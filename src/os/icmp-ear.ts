/**
 * Hears ICMP errors that no socket of ours does: those about frames of an earlier life of this node, whose source ports
 * are gone. By the optional package raw-socket, which needs CAP_NET_RAW while it is opened, runs on the main thread only,
 * and may be missing: without it the sockets' own error queues say enough.
 */
import { createRequire } from 'node:module';
import { readIcmpReport } from '../core/icmp-report.js';
import type { PathReport } from '../core/path-report.js';
import { ICMP_UNREACHABLE, ICMPV6_TOO_BIG, ICMPV6_UNREACHABLE } from '../wire/icmp.js';
import { ICMP, ICMPV6 } from '../wire/ip.js';

/** What is used of the package, which has no types of its own. */
interface RawSocketModule {
  createSocket(options: { protocol: number; addressFamily: number }): RawSocket;
}
interface RawSocket {
  /** The message is a part of the socket's one buffer, and the next one overwrites it. */
  on(event: 'message', listener: (message: Buffer, source: string) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  pauseRecv(): void;
  resumeRecv(): void;
  setOption(level: number, option: number, value: Buffer, length: number): void;
  close(): void;
}

/** Messages until there is a pause: who floods us with ICMP fills the socket's buffer, and takes no more of our time. */
const MOST = 500;
/** How long it is, ms. */
const PAUSE = 100;

/** The package's own names of address families. */
const RAW_FAMILIES = { 4: 1, 6: 2 } as const;
/** <linux/icmp.h>, <linux/icmpv6.h>: a bit for each type, set: it is not wanted. Both options have the number 1. */
const SOL_RAW = 255;
const ICMP_FILTER = 1;

export class IcmpEar {
  readonly #sockets: RawSocket[] = [];
  #heard = 0;
  #pause: NodeJS.Timeout | undefined;
  /** Who takes what is heard; its bytes are lent until the call returns. */
  onReport: (report: PathReport) => void = () => {};

  /** Listens in both families, as far as this machine has them. @throws what the package or the kernel says */
  static open(): IcmpEar {
    const raw = createRequire(import.meta.url)('raw-socket') as RawSocketModule;
    const ear = new IcmpEar();
    ear.#listen(raw, 4);
    try {
      ear.#listen(raw, 6);
    } catch {
      // A machine without IPv6 has no ICMPv6.
    }
    return ear;
  }

  #listen(raw: RawSocketModule, family: 4 | 6): void {
    const socket = raw.createSocket({
      protocol: family === 4 ? ICMP : ICMPV6,
      addressFamily: RAW_FAMILIES[family],
    });
    this.#sockets.push(socket);
    const filter = icmpFilter(family);
    socket.setOption(family === 4 ? SOL_RAW : ICMPV6, ICMP_FILTER, filter, filter.length);
    socket.on('message', (message) => {
      if (++this.#heard === MOST) this.#rest();
      const report = readIcmpReport(family === 4 ? message.subarray((message[0] & 0x0f) * 4) : message, family);
      if (report) this.onReport(report);
    });
    // An error of the socket closes it: the others say enough.
    socket.on('error', () => this.#sockets.splice(this.#sockets.indexOf(socket), 1));
  }

  #rest(): void {
    for (const socket of this.#sockets) socket.pauseRecv();
    this.#pause = setTimeout(() => {
      this.#heard = 0;
      for (const socket of this.#sockets) socket.resumeRecv();
    }, PAUSE);
  }

  close(): void {
    clearTimeout(this.#pause);
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}

/** Lets only "unreachable" and "too big" through. */
function icmpFilter(family: 4 | 6): Buffer {
  const filter = Buffer.alloc(family === 4 ? 4 : 32, 0xff);
  const wanted = family === 4 ? [ICMP_UNREACHABLE] : [ICMPV6_UNREACHABLE, ICMPV6_TOO_BIG];
  const bits = new Uint32Array(filter.buffer, filter.byteOffset, filter.length / 4);
  for (const type of wanted) bits[type >> 5] &= ~(1 << (type & 31));
  return filter;
}
