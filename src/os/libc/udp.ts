/** UDP sockets: how they are set up, and what is asked of them beside packets. The C twin is native/udp.c. */
import type { SystemCalls, UdpOptions } from '../system-calls.js';
import { INT32_MAX, wantBoolean, wantBytes, wantI32, wantU32 } from './arguments.js';
import { systemError } from './error.js';
import type { Libc } from './library.js';
import { Struct } from './memory.js';
import {
  ADDRESS_LENGTH,
  ADDRESS_SLOT,
  AF_INET6,
  addressWords,
  familyAt,
  portAt,
  putAddress,
} from './socket-address.js';

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
/** Of the words that SO_MEMINFO writes the last: what was dropped. */
const SK_MEMINFO_DROPS = 8;

const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_RECVERR = 11;
const IP_RECVTOS = 13;
const IP_MTU = 14;
/** DF set; PROBE: and only the link's MTU makes the kernel refuse. The same numbers for IPv6. */
const PMTUDISC_DO = 2;
const PMTUDISC_PROBE = 3;

const IPPROTO_UDP = 17;
const UDP_GRO = 104;

const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_MTU = 24;
const IPV6_RECVERR = 25;
const IPV6_V6ONLY = 26;
const IPV6_RECVTCLASS = 66;

/** The discard port (RFC 863): where a socket is connected to that sends nothing. */
const DISCARD = 9;
const ADDRESS_BYTES = 16;
/** A receive buffer for a socket whose filter drops everything, bytes: only the errors that ICMP reports wait there. */
const ERRORS_BUFFER = 64 << 10;

/**
 * ```
 *  struct sock_filter   0      2    3    4         8     struct sock_fprog   0     2     8           16 bytes
 *                       +------+----+----+---------+                         +-----+-----+-----------+
 *                       | code | jt | jf | k       |                         | len |     | filter    |
 *                       +------+----+----+---------+                         +-----+-----+-----------+
 * ```
 */
const SOCK_FILTER = 8;
const SOCK_FPROG = 16;
/** BPF_RET | BPF_K: with k = 0 nothing of a packet is kept. */
const RETURN_K = 0x06;

export function udpCalls(libc: Libc): Pick<SystemCalls, 'udpOpen' | 'udpPort' | 'udpDrops' | 'pathMtu'> {
  const value = new Struct(libc, 4);
  const size = new Struct(libc, 4);
  const memory = new Struct(libc, 4 * (SK_MEMINFO_DROPS + 1));
  const address = new Struct(libc, ADDRESS_SLOT);
  const to = new Struct(libc, ADDRESS_SLOT);
  const dropAll = new Struct(libc, SOCK_FILTER);
  dropAll.halves[0] = RETURN_K;
  const program = new Struct(libc, SOCK_FPROG);
  program.halves[0] = 1;
  program.pointTo(2, dropAll);

  function setInt(fd: number, level: number, name: number, number: number): boolean {
    value.words[0] = number;
    return libc.setsockopt(fd, level, name, value.address, 4) === 0;
  }

  /** Sets what must be set. @throws SystemError */
  function mustSet(fd: number, level: number, name: number, number: number, words: string): void {
    if (!setInt(fd, level, name, number)) throw systemError(libc, words);
  }

  /** More than the system's limit where this process may. */
  function setBuffer(fd: number, force: number, plain: number, bytes: number): void {
    if (!setInt(fd, SOL_SOCKET, force, bytes)) setInt(fd, SOL_SOCKET, plain, bytes);
  }

  /** Everything but the descriptor. @param v6 whether `address` is of that family */
  function setUp(fd: number, options: UdpOptions, v6: boolean, length: number): void {
    if (v6) mustSet(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, 'IPV6_V6ONLY');
    const discover = options.sendOnly ? PMTUDISC_PROBE : PMTUDISC_DO;
    if (v6) mustSet(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover, 'IP_MTU_DISCOVER');
    else mustSet(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover, 'IP_MTU_DISCOVER');
    if (options.reusePort) mustSet(fd, SOL_SOCKET, SO_REUSEPORT, 1, 'SO_REUSEPORT');
    if (options.sendOnly) {
      if (libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program.address, SOCK_FPROG) !== 0) {
        throw systemError(libc, 'SO_ATTACH_FILTER');
      }
      if (v6) mustSet(fd, IPPROTO_IPV6, IPV6_RECVERR, 1, 'IP_RECVERR');
      else mustSet(fd, IPPROTO_IP, IP_RECVERR, 1, 'IP_RECVERR');
      setInt(fd, SOL_SOCKET, SO_RCVBUF, ERRORS_BUFFER);
    } else {
      setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.buffer);
    }
    setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.buffer);
    // Linux 5.0; without it datagrams come one by one.
    if (options.gro) setInt(fd, IPPROTO_UDP, UDP_GRO, 1);
    if (options.receive) {
      if (v6) mustSet(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, 'IP_RECVTOS');
      else mustSet(fd, IPPROTO_IP, IP_RECVTOS, 1, 'IP_RECVTOS');
    }
    if (libc.bind(fd, address.address, length) !== 0) throw systemError(libc, 'bind');
  }

  return {
    udpOpen(options) {
      checkOptions(options);
      const length = putAddress(address.words, 0, addressWords(options.address), 0, options.port);
      const family = familyAt(address.words, 0);
      const fd = libc.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (fd < 0) throw systemError(libc, 'socket');
      try {
        setUp(fd, options, family === AF_INET6, length);
      } catch (error) {
        libc.close(fd);
        throw error;
      }
      return fd;
    },

    udpPort(fd) {
      wantI32('fd', fd);
      size.words[0] = ADDRESS_LENGTH;
      if (libc.getsockname(fd, address.address, size.address) !== 0) throw systemError(libc, 'getsockname');
      return portAt(address.words, 0);
    },

    udpDrops(fd) {
      wantI32('fd', fd);
      memory.words[SK_MEMINFO_DROPS] = 0;
      size.words[0] = memory.bytes.length;
      if (libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.address, size.address) !== 0) {
        throw systemError(libc, 'SO_MEMINFO');
      }
      return memory.words[SK_MEMINFO_DROPS];
    },

    pathMtu(source, destination) {
      wantBytes('source', source);
      wantBytes('destination', destination);
      if (source.length !== ADDRESS_BYTES || destination.length !== ADDRESS_BYTES) {
        throw new RangeError('source and destination: 16 bytes are wanted');
      }
      const fromLength = putAddress(address.words, 0, addressWords(source), 0, 0);
      const toLength = putAddress(to.words, 0, addressWords(destination), 0, DISCARD);
      const family = familyAt(to.words, 0);
      const fd = libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      if (fd < 0) throw systemError(libc, 'socket');
      const [level, name] = family === AF_INET6 ? [IPPROTO_IPV6, IPV6_MTU] : [IPPROTO_IP, IP_MTU];
      size.words[0] = 4;
      // A connected socket knows its route, and the route what ICMP has told of the path. No packet is sent.
      const known =
        libc.bind(fd, address.address, fromLength) === 0 &&
        libc.connect(fd, to.address, toLength) === 0 &&
        libc.getsockopt(fd, level, name, value.address, size.address) === 0;
      libc.close(fd);
      return known ? Math.max(value.words[0] | 0, 0) : 0;
    },
  };
}

function checkOptions(options: UdpOptions): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('options: an object is wanted');
  wantBytes('address', options.address);
  wantU32('port', options.port);
  wantBoolean('reusePort', options.reusePort);
  wantBoolean('receive', options.receive);
  wantBoolean('gro', options.gro);
  wantBoolean('sendOnly', options.sendOnly);
  wantU32('buffer', options.buffer);
  if (options.address.length !== ADDRESS_BYTES) throw new RangeError('address: 16 bytes are wanted');
  if (options.port > 0xffff) throw new RangeError('port: 0 to 65535 is wanted');
  if (options.buffer > INT32_MAX / 2) throw new RangeError('buffer: less than 1 GiB is wanted');
}
