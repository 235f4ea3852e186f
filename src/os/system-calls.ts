/**
 * What podwire asks of Linux, beyond what Node offers. Two modules do it: the C addon (addon.ts) and, where that is not
 * built, libc by way of koffi (libc/). Neither holds policy: file descriptors are plain numbers, memory is the caller's,
 * and every call checks its arguments (RangeError, TypeError) before it touches memory. A failed system call throws a
 * `SystemError`; what a packet or a peer can cause never throws, it is a return value.
 */

/** A failed system call. */
export interface SystemError extends Error {
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
  /** Receive datagrams with their TOS (`IP_RECVTOS`). */
  receive: boolean;
  /** Receive equal datagrams joined (`UDP_GRO`), where the kernel knows how. */
  gro: boolean;
  /**
   * Only sends: an attached filter drops whatever arrives. DF is set without regard to the path MTU that the kernel
   * has cached (`IP_PMTUDISC_PROBE`), and what ICMP reports waits for `udpErrors` (`IP_RECVERR`).
   */
  sendOnly: boolean;
  /** `SO_RCVBUF`/`SO_SNDBUF` in bytes (FORCE variants are tried first). */
  buffer: number;
}

export interface SystemCalls {
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

  /** Opens and binds a UDP socket; DF set (`IP_MTU_DISCOVER`/`IPV6_MTU_DISCOVER`), non-blocking, close-on-exec. */
  udpOpen(options: UdpOptions): number;
  /** The port a socket is bound to, host order. */
  udpPort(fd: number): number;
  /**
   * Datagrams that the kernel has dropped at a socket since it was opened: its buffer was full, or a checksum wrong
   * (`SO_MEMINFO`, Linux 4.12). Of 32 bits, so it begins again at 0. What GRO has joined, and is received so, is one.
   */
  udpDrops(fd: number): number;
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
   * Takes errors off a send-only socket's error queue (`MSG_ERRQUEUE`), the oldest first: records from the first on, each
   * with the beginning of the UDP payload that the error quotes, in a slot of `slot` bytes of its own from 0 on. ADDRESS
   * and PORT: where that datagram was going. SEGMENT: the MTU that "too big" tells, else 0. FLAGS: who noticed, 1 this
   * kernel, 2 ICMP, 3 ICMPv6. STATUS: errno. SOCKET: ICMP type << 8 | code.
   * @returns records filled; 0 when none waits
   */
  udpErrors(fd: number, bytes: Uint8Array, slot: number, records: Int32Array, max: number): number;
  /**
   * sendmmsg of `count` records; SOCKET indexes `fds` (modulo its length), consecutive records of one socket go in one call.
   * SEGMENT > 0 adds `UDP_SEGMENT`, TOS > 0 `IP_TOS` or `IPV6_TCLASS`. A refused record gets its errno as STATUS and the
   * rest goes on. A record that fails only by an error that ICMP has left on the socket is sent again. On EAGAIN waits up
   * to `waitMs` for room, once a call.
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
  /**
   * A copy of another process's descriptor, close-on-exec: both are one file to the kernel (`pidfd_getfd`, Linux 5.6; asks
   * for what ptrace asks for).
   */
  descriptorOf(pid: number, fd: number): number;
  /** Locks an open file or directory against all others (`flock`), until its last descriptor closes. False: another has it. */
  lock(fd: number): boolean;
}
