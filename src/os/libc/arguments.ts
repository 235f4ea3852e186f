/** Checks of arguments, before memory is touched: a wrong address ends the process. */
import { RECORD } from '../../bytes/batch.js';

export const INT32_MAX = 0x7fff_ffff;

export function wantU32(name: string, value: number): void {
  wantType(name, 'number', value);
  if (value >>> 0 !== value) throw new RangeError(`${name}: an integer from 0 to 4294967295 is wanted, not ${value}`);
}

export function wantI32(name: string, value: number): void {
  wantType(name, 'number', value);
  if ((value | 0) !== value) throw new RangeError(`${name}: an integer of 32 bits is wanted, not ${value}`);
}

export function wantBoolean(name: string, value: boolean): void {
  wantType(name, 'boolean', value);
}

/** @param size bytes that there are for it and a zero behind it */
export function wantString(name: string, value: string, size: number): void {
  wantType(name, 'string', value);
  if (Buffer.byteLength(value) >= size) throw new RangeError(`${name}: longer than ${size - 1} bytes`);
}

export function wantBytes(name: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name}: a Uint8Array is wanted`);
}

export function wantInts(name: string, value: Int32Array): void {
  if (!(value instanceof Int32Array)) throw new TypeError(`${name}: an Int32Array is wanted`);
}

/** @returns how many whole records there are */
export function wantRecords(name: string, value: Int32Array): number {
  wantInts(name, value);
  return Math.floor(value.length / RECORD);
}

/** `length` bytes from `offset` must lie within; both whole numbers that are not negative. */
export function wantRange(bytes: Uint8Array, offset: number, length: number): void {
  if (offset + length <= bytes.length) return;
  throw new RangeError(`${length} bytes from ${offset} do not lie within ${bytes.length} bytes`);
}

function wantType(name: string, type: 'number' | 'boolean' | 'string', value: unknown): void {
  if (typeof value !== type) throw new TypeError(`${name}: a ${type} is wanted`);
}
