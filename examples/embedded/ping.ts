/** ICMP echo requests by hand (RFC 791, RFC 792), for want of a kernel that makes them. */

/** RFC 1071. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A whole IPv4 packet. */
export function pingPacket(from: string, to: string, sequence: number): Buffer {
  const packet = Buffer.alloc(20 + 8 + 32);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 1;
  packet.set(from.split('.').map(Number), 12);
  packet.set(to.split('.').map(Number), 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet[20] = 8;
  packet.writeUInt16BE(sequence, 26);
  packet.writeUInt16BE(checksum(packet.subarray(20)), 22);
  return packet;
}

/** The sequence number of an echo request. */
export function sequenceOf(packet: Uint8Array): number {
  return (packet[26] << 8) | packet[27];
}
