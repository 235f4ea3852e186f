/**
 * Sends ICMP "fragmentation needed" that nobody's packet has caused. Arguments, all of IPv4: whom it is sent to and quotes
 * as the source, the quoted destination, the quoted UDP ports, the MTU that it tells, and the quoted payload in hex.
 */
import { createRequire } from 'node:module';
import { sum } from '../../src/bytes/checksum.js';
import { parseAddress } from '../../src/wire/address.js';
import {
  ICMP_CHECKSUM,
  ICMP_CODE,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_TYPE,
  ICMP_UNREACHABLE,
} from '../../src/wire/icmp.js';
import { writeIpv4Header } from '../../src/wire/ipv4.js';
import { writeUdpHeader } from '../../src/wire/udp.js';

const [victim, peer, sourcePort, destinationPort, mtu, payload] = process.argv.slice(2);
const quoted = Buffer.from(payload, 'hex');
const [from, to] = [victim, peer].map((text) => parseAddress(text)?.words[3] ?? 0);
const message = Buffer.alloc(8 + 20 + 8 + quoted.length);
message[ICMP_TYPE] = ICMP_UNREACHABLE;
message[ICMP_CODE] = ICMP_FRAGMENTATION_NEEDED;
message.writeUInt16BE(Number(mtu), 6);
writeIpv4Header(message, 8, 1500, 0, 60, 17, from, to);
writeUdpHeader(message, 28, Number(sourcePort), Number(destinationPort), 1472);
message.set(quoted, 36);
message.writeUInt16BE(~sum(message, 0, message.length, 0) & 0xffff, ICMP_CHECKSUM);

interface RawSocket {
  send(bytes: Buffer, at: number, length: number, to: string, done: (error: Error | null) => void): void;
  close(): void;
}
const raw = createRequire(import.meta.url)('raw-socket') as { createSocket(options: { protocol: number }): RawSocket };
const socket = raw.createSocket({ protocol: 1 });
socket.send(message, 0, message.length, victim, (error) => {
  if (error) throw error;
  socket.close();
});
