/** Frames of one message are accepted together where they say the same: with what each would have met alone. */
import t from 'tap';
import { ADDRESS, Batch, PORT, SEGMENT, TOS } from '../../../src/bytes/batch.js';
import { seededRandom } from '../../../src/core/random.js';
import { MemoryNetwork, type MemoryUnderlay } from '../../../src/dataplane/memory-network.js';
import { encapsulationPrefix } from '../../../src/wire/vxlan.js';
import { chance } from '../bytes/random-packets.js';
import { type Flow, icmpEcho, pattern, tcpPacket, udpPacket } from './packets.js';
import { ALPHA, BRAVO, makeNode, settle, type TestNode } from './two-nodes.js';

const FLOWS: readonly Flow[] = [
  { from: '10.244.2.9', to: '10.244.1.5' },
  { from: 'fd00:244:2::9', to: 'fd00:244:1::5' },
];
/** Headers end before this byte of a frame: what is changed there may change the verdict. */
const HEADERS = 86;
/** The first of the two bytes that hold an IP packet's traffic class. */
const CLASS = 22;

interface Wire {
  alpha: TestNode;
  bravo: MemoryUnderlay;
}

async function wire(): Promise<Wire> {
  const network = new MemoryNetwork();
  return { alpha: await makeNode(network, ALPHA, [BRAVO]), bravo: network.attach(BRAVO.underlay) };
}

function send(from: MemoryUnderlay, bytes: Buffer, segment: number, tos: number): void {
  const batch = new Batch(bytes, 0, bytes.length, 1);
  const row = batch.append(0, bytes.length);
  batch.records.set(ALPHA.underlay.words, row + ADDRESS);
  batch.records[row + PORT] = 8472;
  batch.records[row + SEGMENT] = segment;
  batch.records[row + TOS] = tos;
  from.send(batch);
}

function frame(packet: Buffer): Buffer {
  const bytes = Buffer.concat([encapsulationPrefix(1, ALPHA.mac, BRAVO.mac), packet]);
  bytes.writeUInt16BE(packet[0] >> 4 === 6 ? 0x86dd : 0x0800, 20);
  return bytes;
}

t.test('one message, or each frame alone: the same packets, and the same counters', async (t) => {
  const seed = Number(process.env['PODWIRE_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`seed ${seed}`);
  const { below, often } = chance(seededRandom(seed));
  const [together, alone] = [await wire(), await wire()];
  for (let round = 0; round < 600; round++) {
    const flow = FLOWS[below(FLOWS.length)];
    const payload = pattern(1 + below(often(0.5) ? 40 : 1200), round);
    const kind = below(4);
    const frames = Array.from({ length: 1 + below(12) }, (_, i) => {
      const partial = often(0.05);
      if (kind === 0) return frame(icmpEcho(flow, payload));
      if (kind === 1) return frame(udpPacket(flow, payload, { partial }));
      const flags = often(0.9) ? 0x10 : below(256);
      return frame(tcpPacket(flow, payload, { seq: i * payload.length, flags, partial, mss: 1460 }));
    });
    for (const bytes of frames) {
      if (often(0.1)) bytes[often(0.3) ? CLASS + below(2) : below(Math.min(HEADERS, bytes.length))] ^= 1 << below(8);
    }
    const tos = often(0.5) ? below(4) : 0;
    send(together.bravo, Buffer.concat(frames), frames[0].length, tos);
    for (const bytes of frames) send(alone.bravo, bytes, 0, tos);
    settle(together.alpha);
    settle(alone.alpha);
    const [one, other] = [together, alone].map(({ alpha }) => alpha.taken().map((packet) => packet.toString('hex')));
    if (one.join() !== other.join()) t.same(one, other, `round ${round}`);
  }
  t.same(together.alpha.overlay.counters.total(), alone.alpha.overlay.counters.total());
  t.ok(together.alpha.counter('rx_frames') > 1000);
  t.ok(together.alpha.counter('rx_completed') > 0, 'unfinished ones among them');
  t.ok(together.alpha.counter('rx_mss_clamped') > 0, 'and SYNs');
});
