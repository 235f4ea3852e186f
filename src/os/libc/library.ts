/**
 * libc's functions, bound by the optional package koffi. Here are the only words about koffi itself. A pointer is an
 * address as a plain number (48 bits of it are used), because koffi makes no object of a number.
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';

/** What is used of koffi, so that our types do not need it installed. */
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: readonly string[]): unknown };
  address(memory: ArrayBufferView): bigint;
  errno(): number;
}

/** Functions as libc names them; each returns -1 where it fails, and `errno` says why. */
export interface Libc {
  /** Of the last call in this thread: to be read before anything else is done. */
  errno(): number;
  strerror(errno: number): string;
  /** Where the first byte of a view stands in memory. */
  address(memory: ArrayBufferView): number;

  open(path: string, flags: number): number;
  close(fd: number): number;
  read(fd: number, buffer: number, size: number): number;
  write(fd: number, buffer: number, size: number): number;
  readv(fd: number, vectors: number, count: number): number;
  writev(fd: number, vectors: number, count: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  poll(fds: number, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  flock(fd: number, operation: number): number;

  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: number, length: number): number;
  connect(fd: number, address: number, length: number): number;
  getsockname(fd: number, address: number, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  sendto(fd: number, bytes: number, size: number, flags: number, address: number, length: number): number;
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;

  prctl(option: number, a: number, b: number, c: number, d: number): number;
  capget(header: number, data: number): number;
  capset(header: number, data: number): number;
  syscall(number: number, a: number, b: number, c: number): number;
}

const POINTER = 'uintptr_t';

/** Result and parameters. ioctl, prctl and syscall take more than they name; on our machines that makes no difference to a call. */
const FUNCTIONS = {
  strerror: ['str', 'int'],
  open: ['int', 'str', 'int'],
  close: ['int', 'int'],
  read: ['long', 'int', POINTER, 'size_t'],
  write: ['long', 'int', POINTER, 'size_t'],
  readv: ['long', 'int', POINTER, 'int'],
  writev: ['long', 'int', POINTER, 'int'],
  ioctl: ['int', 'int', 'ulong', POINTER],
  poll: ['int', POINTER, 'ulong', 'int'],
  eventfd: ['int', 'uint', 'int'],
  flock: ['int', 'int', 'int'],
  socket: ['int', 'int', 'int', 'int'],
  bind: ['int', 'int', POINTER, 'uint'],
  connect: ['int', 'int', POINTER, 'uint'],
  getsockname: ['int', 'int', POINTER, POINTER],
  getsockopt: ['int', 'int', 'int', 'int', POINTER, POINTER],
  setsockopt: ['int', 'int', 'int', 'int', POINTER, 'uint'],
  sendto: ['long', 'int', POINTER, 'size_t', 'int', POINTER, 'uint'],
  recvmmsg: ['int', 'int', POINTER, 'uint', 'int', POINTER],
  sendmmsg: ['int', 'int', POINTER, 'uint', 'int'],
  prctl: ['int', 'int', 'ulong', 'ulong', 'ulong', 'ulong'],
  capget: ['int', POINTER, POINTER],
  capset: ['int', POINTER, POINTER],
  syscall: ['long', 'long', 'long', 'long', 'long'],
} as const satisfies Record<Exclude<keyof Libc, 'errno' | 'address'>, readonly [string, ...string[]]>;

/** The machines whose structs are laid out as this folder writes them: little-endian, pointers of 64 bits. */
const MACHINES: readonly string[] = ['x64', 'arm64'];

/** @returns libc, or in words why it cannot be reached and what would help */
export function bindLibc(require = createRequire(import.meta.url)): Libc | { problem: string; cure: string } {
  if (!MACHINES.includes(process.arch) || endianness() !== 'LE') {
    return {
      problem: `koffi is used on ${MACHINES.join(' and ')} only, this is ${process.arch}`,
      cure: 'run it there',
    };
  }
  const cure = "'npm install koffi'";
  let koffi: Koffi;
  try {
    koffi = require('koffi') as Koffi;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'MODULE_NOT_FOUND' && message.includes("'koffi'");
    return { problem: missing ? 'koffi is not installed' : `koffi does not load (${message.split('\n')[0]})`, cure };
  }
  const library = koffi.load(null);
  const bound = Object.entries(FUNCTIONS).map(([name, [result, ...parameters]]) => [
    name,
    library.func(name, result, parameters),
  ]);
  return {
    ...(Object.fromEntries(bound) as Omit<Libc, 'errno' | 'address'>),
    errno: koffi.errno,
    address: (memory) => Number(koffi.address(memory)),
  };
}
