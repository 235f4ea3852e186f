/** Sizes of sealed datagrams. */
export const MAX_DATAGRAM = 1400;
export const SEALED_OVERHEAD = 48;
export const MAX_PLAIN = MAX_DATAGRAM - SEALED_OVERHEAD;
