/** A TUN device with the offloads that this kernel grants. It vanishes with its last descriptor, whoever holds that. */
import type { DeviceCapabilities } from '../dataplane/edges.js';
import { PodwireError } from '../wire/error.js';
import {
  type SystemCalls,
  type SystemError,
  TUN_F_CSUM,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO4,
  TUN_F_USO6,
} from './system-calls.js';

const TCP = TUN_F_TSO4 | TUN_F_TSO6;
const UDP = TUN_F_USO4 | TUN_F_USO6;

/** What to ask for, best first: USO came with Linux 6.2; the kernel refuses a mask whole. */
const MASKS = [TUN_F_CSUM | TCP | UDP, TUN_F_CSUM | TCP, TUN_F_CSUM, 0];

/** What each offload of the configuration is to the kernel. */
const BITS: Readonly<Record<TunOffload, number>> = { checksum: TUN_F_CSUM, tso: TCP, uso: UDP };

/** Offloads of the device; the others are the sockets'. */
export type TunOffload = 'checksum' | 'tso' | 'uso';

/** These as `TUN_F_*`. */
export function offloadMask(offloads: readonly TunOffload[]): number {
  return offloads.reduce((mask, offload) => mask | BITS[offload], 0);
}

export class TunDevice {
  readonly name: string;
  readonly #system: SystemCalls;
  readonly #multiQueue: boolean;
  readonly #queues: number[] = [];
  #offloads = 0;

  /** @param queues of a device that is there; this object closes them */
  constructor(system: SystemCalls, name: string, multiQueue: boolean, queues: readonly number[]) {
    this.name = name;
    this.#system = system;
    this.#multiQueue = multiQueue;
    this.#queues.push(...queues);
  }

  /**
   * Makes the device, with one queue.
   * @param multiQueue whether more queues will be opened
   * @throws PodwireError MACHINE: it exists, or this user may not
   */
  static make(system: SystemCalls, name: string, multiQueue: boolean): TunDevice {
    try {
      const device = new TunDevice(system, name, multiQueue, [system.tunOpen(name, multiQueue, true)]);
      device.setOffloads(MASKS[0]);
      return device;
    } catch (error) {
      throw inWords(error as SystemError, name);
    }
  }

  /** Descriptors, one a queue. */
  get queues(): readonly number[] {
    return this.#queues;
  }

  /** Sets the best of the offloads in `allowed` (`TUN_F_*`) that the kernel takes. */
  setOffloads(allowed: number): void {
    for (const mask of MASKS) {
      if (this.#system.tunOffload(this.#queues[0], mask & allowed) !== 0) continue;
      this.#offloads = mask & allowed;
      return;
    }
  }

  /** The offloads in force, `TUN_F_*`. */
  get offloads(): number {
    return this.#offloads;
  }

  has(offload: TunOffload): boolean {
    return (this.#offloads & BITS[offload]) === BITS[offload];
  }

  turnOff(offload: TunOffload): void {
    this.setOffloads(this.#offloads & ~BITS[offload]);
  }

  get capabilities(): DeviceCapabilities {
    return {
      checksum: this.has('checksum'),
      tcpSegmentation: this.has('tso'),
      udpSegmentation: this.has('uso'),
    };
  }

  /** Opens further queues, up to `count` in all. */
  openQueues(count: number): void {
    while (this.#queues.length < count) this.#queues.push(this.#system.tunOpen(this.name, this.#multiQueue, false));
  }

  /** The device is gone after this, and with it its addresses and the routes to it, unless somebody else holds a queue. */
  close(): void {
    for (const fd of this.#queues.splice(0)) this.#system.close(fd);
  }
}

function inWords(error: SystemError, name: string): PodwireError {
  const reasons: Record<string, string> = {
    EPERM: 'this user may not make network devices: run as root or with CAP_NET_ADMIN',
    EACCES: '/dev/net/tun cannot be opened by this user: run as root, or give the user access to it',
    ENOENT: '/dev/net/tun is missing: load the module tun, or make the device node (mknod /dev/net/tun c 10 200)',
    ENODEV: '/dev/net/tun has no driver: load the module tun',
    EBUSY: 'a device of that name exists: choose another with --device',
    EINVAL: 'the name is taken by another kind of device, or the kernel is older than 3.8',
  };
  const reason = reasons[error.code] ?? `${error.syscall}: ${error.code}`;
  return new PodwireError('MACHINE', `cannot make the device ${name}: ${reason}; nothing was changed`, {
    cause: error,
  });
}
