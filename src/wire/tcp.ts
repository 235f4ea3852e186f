/**
 * TCP header (RFC 9293 §3.1).
 *
 * ```
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-------------------------------+-------------------------------+
 *  |          source port          |       destination port        |
 *  +-------------------------------+-------------------------------+
 *  |                        sequence number                        |
 *  +---------------------------------------------------------------+
 *  |                     acknowledgement number                    |
 *  +-------+-------+---------------+-------------------------------+
 *  |offset |   0   |C E U A P R S F|            window             |
 *  +-------+-------+---------------+-------------------------------+
 *  |           checksum            |        urgent pointer         |
 *  +-------------------------------+-------------------------------+
 *  |          options: kind 0 end, kind 1 padding,                 |
 *  |          else kind, length (with these two), data             |
 *  +---------------------------------------------------------------+
 * ```
 */

/** Bytes of a header without options. */
export const TCP_HEADER = 20;

/** Offsets in the header. */
export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGEMENT = 8;
export const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
export const TCP_URGENT = 18;

/** Bits at `TCP_FLAGS`. */
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_CWR = 0x80;

const OPTION_END = 0;
const OPTION_PADDING = 1;
const OPTION_MSS = 2;

/**
 * Bytes of a header with its options, or 0 if it is not whole.
 * @param at the TCP header
 * @param end one past the packet's last byte
 */
export function tcpHeaderLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + TCP_HEADER > end) return 0;
  const length = (bytes[at + TCP_DATA_OFFSET] >> 4) * 4;
  return length < TCP_HEADER || at + length > end ? 0 : length;
}

/**
 * Finds the maximum segment size option.
 * @param at the TCP header
 * @param end one past the packet's last byte
 * @returns where its 16-bit value stands, or -1: no such option, or options that cannot be read up to it
 */
export function findMss(bytes: Uint8Array, at: number, end: number): number {
  if (at + TCP_HEADER > end) return -1;
  const optionsEnd = at + (bytes[at + TCP_DATA_OFFSET] >> 4) * 4;
  if (optionsEnd > end) return -1;
  let option = at + TCP_HEADER;
  while (option + 1 < optionsEnd) {
    const kind = bytes[option];
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_PADDING) {
      option++;
      continue;
    }
    const length = bytes[option + 1];
    if (length < 2 || option + length > optionsEnd) return -1;
    if (kind === OPTION_MSS) return length === 4 ? option + 2 : -1;
    option += length;
  }
  return -1;
}
