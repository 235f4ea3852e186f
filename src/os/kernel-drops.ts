/**
 * What the kernel drops of a node's packets before podwire sees them: at the device's queue and at the sockets that receive.
 * Read when somebody asks: a file and a call for each socket.
 */
import { readFileSync } from 'node:fs';
import type { KernelCounter } from '../core/counters.js';
import type { SystemCalls } from './system-calls.js';

/** The network devices of this process's namespace, which /sys may not show. */
const DEVICES = '/proc/net/dev';
/** The column of dropped packets to send, behind the name. */
const SEND_DROPPED = 11;

export class KernelDrops {
  readonly #system: SystemCalls;
  readonly #device: string;
  readonly #sockets: readonly number[];
  /** Before it was ours to count: the tests of a device's offloads go through it. */
  readonly #deviceBefore: number;
  /** Of each socket at the last reading; 32 bits, so the differences are added up. */
  readonly #last: number[];
  #atSockets = 0;
  #atDevice = 0;

  /**
   * @param device its name; it is there
   * @param sockets descriptors of those that receive, open as long as this is read
   */
  constructor(system: SystemCalls, device: string, sockets: readonly number[]) {
    this.#system = system;
    this.#device = device;
    this.#sockets = sockets;
    this.#deviceBefore = sendDropped(readFileSync(DEVICES, 'utf8'), device) ?? 0;
    this.#last = sockets.map(() => 0);
  }

  /** Of a device since this object was made, of sockets since they were opened. */
  read(): Record<KernelCounter, number> {
    // A device that somebody took away leaves what was read last.
    const now = sendDropped(readFileSync(DEVICES, 'utf8'), this.#device);
    if (now !== undefined) this.#atDevice = now - this.#deviceBefore;
    for (const [index, fd] of this.#sockets.entries()) {
      const drops = this.#drops(fd);
      this.#atSockets += (drops - this.#last[index]) >>> 0;
      this.#last[index] = drops;
    }
    return { kernel_tun_queue_full: this.#atDevice, kernel_socket_buffer_full: this.#atSockets };
  }

  /** 0 where the kernel does not tell (before Linux 4.12). */
  #drops(fd: number): number {
    try {
      return this.#system.udpDrops(fd);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOPROTOOPT') return 0;
      throw error;
    }
  }
}

/** Packets that a device dropped instead of sending them. @param text of /proc/net/dev @returns undefined: no such device */
export function sendDropped(text: string, device: string): number | undefined {
  const line = text.split('\n').find((one) => one.trimStart().startsWith(`${device}:`));
  const columns = line
    ?.slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/);
  return columns && Number(columns[SEND_DROPPED]);
}
