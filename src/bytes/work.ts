/**
 * The work that touches every byte. Each function has two bodies with one signature: C in native/ and its TypeScript
 * twin in this folder. Who needs it is handed a `ByteWork`; nobody here knows which one it is.
 *
 * None of the functions keeps state or a reference; `bytes` may be any Uint8Array. Arguments out of bounds throw a
 * RangeError before anything is written: that is a programmer's mistake, never a packet's.
 */
export interface ByteWork {
  /**
   * Ones' complement sum (RFC 1071) of `length` bytes from `offset`, taken as big-endian 16-bit words, an odd last byte
   * padded with zero, added to `initial`, folded to 16 bits and NOT complemented. The checksum is `~sum & 0xffff`.
   * @param initial a partial sum, 0 to 2^32 - 1
   */
  sum(bytes: Uint8Array, offset: number, length: number, initial: number): number;

  /**
   * Cuts a TCP or UDP superpacket into frames, each behind a copy of a prefix. Frame i is `prefix | headers | payload i`,
   * frames stand back to back, all of one size but the last. Fixed per frame: IPv4 total length, identification
   * (+i) and header checksum; IPv6 payload length; TCP sequence number, FIN and PSH only on the last, CWR only on the
   * first; UDP length; the whole TCP or UDP checksum (UDP: 0 is sent as 0xffff).
   *
   * @param bytes arena that holds the packet, the prefix and receives the frames
   * @param offset first byte of the IP packet (version 4 or 6; 20-byte or longer IPv4 headers, IPv6 extension headers
   *   are copied as they are)
   * @param length bytes of the IP packet
   * @param transport bytes from `offset` to the TCP or UDP header
   * @param headers bytes from `offset` to the payload (IP and transport header together)
   * @param udp true for UDP, false for TCP
   * @param segment payload bytes in each frame but the last (gso_size), 1 to 65,535
   * @param prefixOffset where the prefix stands in `bytes`
   * @param prefixLength its length in bytes
   * @param target where the first frame is written; must not overlap the packet or the prefix
   * @param limit one past the last byte that may be written
   * @returns bytes written, or 0 if the frames do not fit below `limit` (then nothing was written)
   */
  split(
    bytes: Uint8Array,
    offset: number,
    length: number,
    transport: number,
    headers: number,
    udp: boolean,
    segment: number,
    prefixOffset: number,
    prefixLength: number,
    target: number,
    limit: number,
  ): number;

  /**
   * Joins received packets of one flow into superpackets, without copying payload: a superpacket is its first packet's
   * record, then one record for each further payload, all but the last flagged `MORE`. The first packet's headers
   * are rewritten in place (IP lengths and checksum, TCP flags, pseudo-header sum in the checksum field) and its virtio
   * header is written in the `VIRTIO_HEADER` bytes before it; a packet that stays alone gets a virtio header of zeros.
   *
   * A packet flagged `ALONE` is passed on as it is, behind whatever of its flow came before it.
   *
   * Two packets join if a split would have made them so: same addresses, ports, protocol, TOS/traffic class and flow
   * label, TTL/hop limit, DF; no IPv4 options, fragments or IPv6 extension headers; both transport checksums right.
   * TCP: same acknowledgement number, window, options and flags (but PSH and FIN, which end a superpacket), next
   * sequence number, payload of the first's size or a smaller last one. UDP: same, without sequence; a zero checksum
   * never joins. A superpacket is an IP packet of at most 65,535 bytes. A packet that cannot join ends every open superpacket between its two addresses, so the order within a
   * flow, and between it and its fragments or ICMP, is kept. Superpackets come out in the order of their first packets.
   *
   * @param bytes arena; each packet has `VIRTIO_HEADER` bytes of its own before it
   * @param packets records (src/bytes/batch.ts) of whole IP packets: offset, and length equal to what the IP header says
   * @param count packets
   * @param joined receives the records; as long as `packets` at least
   * @param tcp may TCP be joined
   * @param udp may UDP be joined
   * @returns records written to `joined`
   */
  join(bytes: Uint8Array, packets: Int32Array, count: number, joined: Int32Array, tcp: boolean, udp: boolean): number;

  /**
   * How many of the pieces behind a first one are the same as it, up to the first that is not.
   * @param bytes arena
   * @param offset first byte of the first piece
   * @param step bytes of each piece; they stand back to back, and the arena holds all of them
   * @param count pieces behind the first
   * @param mask of a piece's first bytes, the bits that must be the same; not longer than `step`
   * @returns 0 to `count`
   */
  alike(bytes: Uint8Array, offset: number, step: number, count: number, mask: Uint8Array): number;
}
