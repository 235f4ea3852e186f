/**
 * The Internet checksum (RFC 1071): the ones' complement sum of big-endian 16-bit words. The C twin is
 * native/checksum.c.
 */

/** Bytes whose words can be added up within 31 bits, so that the sum stays a small integer. */
const RUN = 32_768;
/** From this many bytes on, four at a time are faster: more than twice at 1,400. */
const LONG = 192;
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * The memory that was summed last, in words of 32 bits as the machine reads them, and the one before: a worker has two
 * arenas, one for each direction, and comes back to them every turn.
 */
let memory: ArrayBufferLike = new ArrayBuffer(0);
let machineWords: Int32Array<ArrayBufferLike> = new Int32Array(memory);
let memoryBefore: ArrayBufferLike = memory;
let machineWordsBefore: Int32Array<ArrayBufferLike> = machineWords;

/** `ByteWork.sum`. */
export function sum(bytes: Uint8Array, offset: number, length: number, initial: number): number {
  checkRange(bytes, offset, length);
  if (initial >>> 0 !== initial)
    throw new RangeError(`initial: an integer from 0 to 4294967295 is wanted, not ${initial}`);
  return fold((initial & 0xffff) + (initial >>> 16) + partialSum(bytes, offset, length));
}

/** The same without checks and `initial`, and not quite folded: 0 to 0x1fffe, to be added to other sums. */
export function partialSum(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let total = 0;
  for (; end - offset > RUN; offset += RUN) total = fold(total + fold(wordSum(bytes, offset, offset + RUN)));
  return total + fold(wordSum(bytes, offset, end));
}

/** Folds a sum of less than 2^31 to 16 bits. It becomes 0 only if it was 0. */
export function fold(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** A checksum after one 16-bit word of what it covers has changed (RFC 1624, equation 3). */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return ~fold((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff;
}

/** Sum of both addresses of the IP packet at `ip`, not quite folded: their part of the pseudo-header. */
export function addressSum(bytes: Uint8Array, ip: number, version: number): number {
  return version === 4 ? partialSum(bytes, ip + 12, 8) : partialSum(bytes, ip + 8, 32);
}

/** Throws a RangeError unless `length` bytes from `offset` lie in `bytes`. */
export function checkRange(bytes: Uint8Array, offset: number, length: number): void {
  if (offset >>> 0 !== offset || length >>> 0 !== length || offset + length > bytes.length) {
    throw new RangeError(`${length} bytes from ${offset} do not lie within ${bytes.length} bytes`);
  }
}

/** At most `RUN` bytes. */
function wordSum(bytes: Uint8Array, at: number, end: number): number {
  return end - at < LONG ? shortSum(bytes, at, end) : longSum(bytes, at, end);
}

/** High and low halves of the words are added up apart: fewer steps than word by word. */
function shortSum(bytes: Uint8Array, at: number, end: number): number {
  let high = 0;
  let low = 0;
  for (const last = end - 8; at <= last; at += 8) {
    high += bytes[at] + bytes[at + 2] + bytes[at + 4] + bytes[at + 6];
    low += bytes[at + 1] + bytes[at + 3] + bytes[at + 5] + bytes[at + 7];
  }
  for (const last = end - 2; at <= last; at += 2) {
    high += bytes[at];
    low += bytes[at + 1];
  }
  if (at < end) high += bytes[at];
  return high * 256 + low;
}

/**
 * The same for many bytes. Words are added as the machine reads them and swapped once at the end (RFC 1071 §2, B); so
 * is what stands before and behind them, where the first word begins at an odd byte.
 */
function longSum(bytes: Uint8Array, at: number, end: number): number {
  const { buffer, byteOffset } = bytes;
  const words = buffer === memory ? machineWords : otherWords(buffer);
  const first = (byteOffset + at + 3) >>> 2;
  const stop = (byteOffset + end) >>> 2;
  const head = first * 4 - byteOffset;
  const tail = stop * 4 - byteOffset;

  let low = 0;
  let high = 0;
  let i = first;
  for (const last = stop - 4; i <= last; i += 4) {
    const a = words[i];
    const b = words[i + 1];
    const c = words[i + 2];
    const d = words[i + 3];
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
  }
  for (; i < stop; i++) {
    low += words[i] & 0xffff;
    high += words[i] >>> 16;
  }
  const odd = ((head - at) & 1) === 1;
  const sum = fold(low + high);
  const middle = LITTLE_ENDIAN === odd ? sum : swap(sum);
  const last = shortSum(bytes, tail, end);
  return fold(shortSum(bytes, at, head) + middle + (odd ? swap(fold(last)) : last));
}

/** The words of a memory that was not the last one. */
function otherWords(buffer: ArrayBufferLike): Int32Array<ArrayBufferLike> {
  const words = buffer === memoryBefore ? machineWordsBefore : new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  memoryBefore = memory;
  machineWordsBefore = machineWords;
  memory = buffer;
  machineWords = words;
  return words;
}

function swap(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8);
}
