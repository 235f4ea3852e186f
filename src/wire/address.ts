/**
 * IP addresses and prefixes, both families in one form: four 32-bit words, most significant first, as signed host-order
 * integers (what `Int32Array` holds). An IPv4 address stands in them as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so tables,
 * comparisons and lookups are written once.
 */
export type Family = 4 | 6;
export type Words = readonly [number, number, number, number];

export interface Address {
  readonly family: Family;
  readonly words: Words;
}

export interface Prefix {
  readonly family: Family;
  /** The network's address: bits behind `length` are zero. */
  readonly words: Words;
  /** As people write it: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly length: number;
}
