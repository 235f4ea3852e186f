/** Pieces of one size, back to back, compared with the first of them. The C twin is native/alike.c. */

/** `ByteWork.alike`. */
export function alike(bytes: Uint8Array, offset: number, step: number, count: number, mask: Uint8Array): number {
  checkPieces(bytes, offset, step, count, mask);
  for (let piece = 1; piece <= count; piece++) {
    const at = offset + piece * step;
    for (let i = 0; i < mask.length; i++) {
      if (((bytes[offset + i] ^ bytes[at + i]) & mask[i]) !== 0) return piece - 1;
    }
  }
  return count;
}

function checkPieces(bytes: Uint8Array, offset: number, step: number, count: number, mask: Uint8Array): void {
  if (offset >>> 0 !== offset || step >>> 0 !== step || count >>> 0 !== count) {
    throw new RangeError(
      `offset, step, count: integers from 0 to 4294967295 are wanted, not ${offset}, ${step}, ${count}`,
    );
  }
  if (step < mask.length) throw new RangeError('step: less than the mask');
  if (offset + step * (count + 1) > bytes.length) throw new RangeError('the pieces do not lie within the bytes');
}
