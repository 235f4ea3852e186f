/**
 * The C addon as TypeScript sees it, and the one place that loads it. The addon holds no policy and no state: file
 * descriptors are plain numbers, memory is the caller's, and every call checks its arguments (RangeError, TypeError).
 * A failed system call throws an `AddonError`; what a packet or a peer can cause never throws, it is a return value.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { twins } from '../bytes/index.js';
import type { ByteWork } from '../bytes/work.js';
import { PodwireError } from '../wire/error.js';

/** A failed system call. */
export interface AddonError extends Error {
  /** Symbolic errno, such as `EPERM`. */
  code: string;
  errno: number;
  /** Which call, such as `TUNSETIFF`. */
  syscall: string;
}

/** Offloads of a TUN device, as a bit mask of the kernel's `TUN_F_*`. */
export const TUN_F_CSUM = 0x01;
export const TUN_F_TSO4 = 0x02;
export const TUN_F_TSO6 = 0x04;
export const TUN_F_USO4 = 0x20;
export const TUN_F_USO6 = 0x40;

/** Poll events. */
export const POLLIN = 0x001;
export const POLLOUT = 0x004;
export const POLLERR = 0x008;

export interface UdpOptions {
  /** 16 bytes, network order; IPv4 as ::ffff:a.b.c.d. */
  address: Uint8Array;
  /** Host order; 0 lets the kernel choose. */
  port: number;
  /** Share the port with sockets that set the same (`SO_REUSEPORT`). */
  reusePort: boolean;
  /** Receive equal datagrams joined (`UDP_GRO`), with their TOS (`IP_RECVTOS`). */
  receive: boolean;
  /** Only sends: an attached filter drops whatever arrives. */
  sendOnly: boolean;
  /** `SO_RCVBUF`/`SO_SNDBUF` in bytes (FORCE variants are tried first). */
  buffer: number;
}

export interface Addon extends ByteWork {
  /** The version of package.json that the addon was built from. */
  readonly version: string;

  /**
   * Opens one queue of a TUN device: `IFF_TUN | IFF_NO_PI | IFF_VNET_HDR`, non-blocking, close-on-exec, vnet header of
   * 10 bytes, little-endian (`TUNSETVNETLE`).
   * @param multiQueue adds `IFF_MULTI_QUEUE`; then every queue of the device is opened so
   * @param exclusive adds `IFF_TUN_EXCL`: fail with EBUSY if the device exists
   * @returns file descriptor
   */
  tunOpen(name: string, multiQueue: boolean, exclusive: boolean): number;
  /** Sets the offloads (`TUNSETOFFLOAD`); returns 0, or the errno with which the kernel refused this mask. */
  tunOffload(fd: number, mask: number): number;
  /**
   * Reads packets until none waits, `records` is full or less than `headroom + 65,535` bytes remain before `end`. The
   * first packet stands at `cursor + headroom`; each next one's headroom starts at the multiple of 4 behind the packet
   * before it. Each has its virtio header in the 10 bytes before it. `records` is filled from record `first` on.
   * @param headroom bytes, at least 10
   * @returns packets read; 0 if none waits, also while the device is down (EIO); a device that is gone throws EBADFD
   */
  tunRead(
    fd: number,
    bytes: Uint8Array,
    headroom: number,
    cursor: number,
    end: number,
    records: Int32Array,
    first: number,
  ): number;
  /** Writes `count` records as packets (`MORE` chains them; one writev each). Refusals go to STATUS. Returns packets taken. */
  tunWrite(fd: number, bytes: Uint8Array, records: Int32Array, count: number): number;

  /** Opens and binds a UDP socket; DF set (`IP_MTU_DISCOVER`/`IPV6_MTU_DISCOVER` = DO), non-blocking, close-on-exec. */
  udpOpen(options: UdpOptions): number;
  /** The port a socket is bound to, host order. */
  udpPort(fd: number): number;
  /**
   * recvmmsg: fills records from record `first`, one for each message, each in a slot of `slot` bytes of its own from
   * `cursor` on. A message longer than a slot gets STATUS EMSGSIZE and LENGTH 0.
   * @param max messages at most; `max * slot` bytes from `cursor` and the records must be there
   * @returns records filled; 0 when none waits. An error left on the socket by ICMP counts as none.
   */
  udpReceive(
    fd: number,
    bytes: Uint8Array,
    cursor: number,
    slot: number,
    records: Int32Array,
    first: number,
    max: number,
  ): number;
  /**
   * sendmmsg of `count` records; SOCKET indexes `fds` (modulo its length), consecutive records of one socket go in one call.
   * SEGMENT > 0 adds `UDP_SEGMENT`, TOS > 0 `IP_TOS` or `IPV6_TCLASS`. A refused record gets its errno as STATUS and the rest goes on. On EAGAIN waits up to
   * `waitMs` for room, once a call.
   * @returns records sent
   */
  udpSend(fds: Int32Array, bytes: Uint8Array, records: Int32Array, count: number, waitMs: number): number;
  /** The kernel's path MTU to an address (IP packet bytes), from a source address: connect and `IP_MTU`. 16-byte addresses. */
  pathMtu(source: Uint8Array, destination: Uint8Array): number;

  /** An eventfd that ends a `poll` from any thread. */
  wakerOpen(): number;
  wakerRing(fd: number): void;
  /** Takes all rings; true if there was one. */
  wakerDrain(fd: number): boolean;
  /**
   * Blocks in poll(2), with the event loop standing still: for worker threads.
   * @param fds triples of (fd, events, revents written back)
   * @param timeoutMs -1 for ever
   * @returns number of ready descriptors; EINTR counts as 0
   */
  poll(fds: Int32Array, timeoutMs: number): number;

  close(fd: number): void;
  /** Sends one datagram to a Unix socket, `@` first for the abstract namespace: systemd's notify protocol. */
  notify(path: string, message: string): void;
  /** Reduces this thread's (and its later children's) capabilities, and the bounding set, to a mask of 1 << CAP_*, as BigInt. */
  keepCapabilities(mask: bigint): void;
}

/**
 * What is native: `on` all that there is, `io` input and output only, `off` nothing. Set by the environment variable
 * PODWIRE_NATIVE; PODWIRE_ADDON names another addon file than the package's own.
 */
export type NativeMode = 'on' | 'io' | 'off';

type Environment = Readonly<Record<string, string | undefined>>;

/** Below this many bytes a call into C costs more than the sum does in TypeScript. */
const SHORT = 96;

/** @throws PodwireError CONFIG for another value of PODWIRE_NATIVE */
export function nativeMode(env: Environment = process.env): NativeMode {
  const mode = env['PODWIRE_NATIVE'] || 'on';
  if (mode === 'on' || mode === 'io' || mode === 'off') return mode;
  throw new PodwireError('CONFIG', `PODWIRE_NATIVE is '${mode}': it may be on, io or off`);
}

/**
 * Loads the addon. In each thread the first call loads it, as Node does with any module.
 * @throws PodwireError NO_ADDON: it is not built, built for another version, or switched off. Any other failure to load
 *   it is passed on as it is: a broken build must not look like a missing one.
 */
export function loadAddon(env: Environment = process.env): Addon {
  if (nativeMode(env) === 'off') throw new PodwireError('NO_ADDON', 'the addon is switched off by PODWIRE_NATIVE=off');
  const { file, version } = addonFile(env);
  if (!existsSync(file)) {
    throw new PodwireError('NO_ADDON', "the addon is not built: install a C compiler, then run 'npm rebuild'");
  }
  const addon = createRequire(import.meta.url)(file) as Addon;
  if (addon.version !== version) {
    throw new PodwireError(
      'NO_ADDON',
      `the addon was built for podwire ${addon.version}, this is ${version}: run 'npm rebuild'`,
    );
  }
  return addon;
}

/** The addon's byte work where it is built and on, else the twins. */
export function byteWork(env: Environment = process.env): ByteWork {
  return byteWorkKind(env) === 'addon' ? nativeWork(loadAddon(env)) : twins;
}

/** Which of the two `byteWork` returns: `addon`, or `io` for the twins. */
export function byteWorkKind(env: Environment = process.env): 'addon' | 'io' {
  if (nativeMode(env) !== 'on') return 'io';
  try {
    loadAddon(env);
    return 'addon';
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'NO_ADDON') return 'io';
    throw error;
  }
}

function nativeWork(addon: Addon): ByteWork {
  return {
    sum: (bytes, offset, length, initial) =>
      length < SHORT ? twins.sum(bytes, offset, length, initial) : addon.sum(bytes, offset, length, initial),
    split: addon.split,
    join: addon.join,
  };
}

/** The package's folder is the nearest above that has its package.json: sources and build lie at different depths. */
function addonFile(env: Environment): { file: string; version: string } {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const description = join(folder, 'package.json');
    if (existsSync(description)) {
      const { name, version } = JSON.parse(readFileSync(description, 'utf8')) as { name: string; version: string };
      if (name === 'podwire') {
        return { file: env['PODWIRE_ADDON'] ?? join(folder, 'native', 'build', 'podwire.node'), version };
      }
    }
    if (dirname(folder) === folder) throw new PodwireError('INTERNAL', 'package.json of podwire is not to be found');
    folder = dirname(folder);
  }
}
