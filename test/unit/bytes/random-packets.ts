/** Packets by chance, for comparing twins: whole ones, trains of a flow, and what only looks like a packet. */
import type { Random } from '../../../src/core/random.js';
import { type Flow, tcpPacket, udpPacket } from '../dataplane/packets.js';

export function chance(random: Random): {
  below(n: number): number;
  bytes(length: number): Buffer;
  often(share: number): boolean;
} {
  const below = (n: number) => Math.floor(random() * n);
  return {
    below,
    bytes: (length) => Buffer.from(Uint8Array.from({ length }, () => below(256))),
    often: (share) => random() < share,
  };
}

const FLOWS: readonly Flow[] = [
  { from: '10.0.0.1', to: '10.0.0.2', fromPort: 1000, toPort: 2000 },
  { from: '10.0.0.1', to: '10.0.0.2', fromPort: 1001, toPort: 2000 },
  { from: 'fd00::1', to: 'fd00::2', fromPort: 1000, toPort: 2000 },
  { from: 'fd00::1', to: 'fd00::3', fromPort: 1000, toPort: 2000 },
];

/** A superpacket, and how it is to be cut. */
export function superpacket(random: Random): {
  packet: Buffer;
  udp: boolean;
  transport: number;
  headers: number;
  segment: number;
} {
  const { below, bytes, often } = chance(random);
  const flow = FLOWS[below(FLOWS.length)];
  const udp = often(0.4);
  const payload = bytes(below(often(0.2) ? 30_000 : 4000));
  const packet = udp
    ? udpPacket(flow, payload, { partial: true, dontFragment: often(0.5) })
    : tcpPacket(flow, payload, {
        partial: true,
        dontFragment: often(0.5),
        seq: often(0.2) ? 0xffff_fff0 : below(2 ** 32),
        flags: below(256),
        ...(often(0.3) ? { mss: 1000 } : {}),
      });
  const transport = packet[0] >> 4 === 4 ? 20 : 40;
  const headers = transport + (udp ? 8 : (packet[transport + 12] >> 4) * 4);
  return { packet, udp, transport, headers, segment: 1 + below(often(0.3) ? 200 : 1500) };
}

/** A train of packets as it may arrive: flows mixed, some damaged, out of order, too short, or nothing at all. */
export function train(random: Random): Buffer[] {
  const { below, bytes, often } = chance(random);
  const next = FLOWS.map(() => below(2 ** 32));
  const size = FLOWS.map(() => 1 + below(1400));
  const packets: Buffer[] = [];
  for (let i = below(60); i >= 0; i--) {
    const which = below(FLOWS.length);
    const udp = which === 1;
    const length = often(0.1) ? below(size[which] + 20) : size[which];
    const payload = bytes(length);
    const packet = udp
      ? udpPacket(FLOWS[which], payload)
      : tcpPacket(FLOWS[which], payload, { seq: next[which] >>> 0, flags: often(0.9) ? 0x10 : below(256) });
    if (often(0.95)) next[which] += length;
    if (often(0.05)) packet[below(packet.length)] ^= 1 + below(255);
    if (often(0.03)) packets.push(bytes(below(100)));
    packets.push(often(0.02) ? packet.subarray(0, below(packet.length)) : packet);
  }
  return packets;
}
