/** Congestion marks and DSCP across the tunnel, both ways (RFC 6040). */
import t from 'tap';
import { RECORD, TOS } from '../../../src/bytes/batch.js';
import { CE, ECT_0, ECT_1, NOT_ECT } from '../../../src/core/ecn.js';
import type { UnderlayEdge } from '../../../src/dataplane/edges.js';
import { INHERIT } from '../../../src/dataplane/vtep.js';
import { checksumsOk, type Flow, pattern, tcpPacket, udpPacket, virtioFor } from './packets.js';
import { ALPHA, BRAVO, OFFLOADS, settle, type TestOptions, twoNodes } from './two-nodes.js';

const V4: Flow = { from: '10.244.1.5', to: '10.244.2.9' };
const V6: Flow = { from: 'fd00:244:1::5', to: 'fd00:244:2::9' };
const EF = 46;

/** The packet with another traffic class, and a right checksum. */
function withClass(packet: Buffer, trafficClass: number): Buffer {
  const changed = Buffer.from(packet);
  if (packet[0] >> 4 === 6) {
    changed.writeUInt16BE(0x6000 | (trafficClass << 4));
    return changed;
  }
  changed[1] = trafficClass;
  changed.writeUInt16BE(0, 10);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += changed.readUInt16BE(at);
  changed.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 10);
  return changed;
}

function classOf(packet: Buffer): number {
  return packet[0] >> 4 === 6 ? (packet.readUInt16BE(0) >> 4) & 0xff : packet[1];
}

/** Two nodes, of which alpha's outer TOS is seen and may be changed on the way. */
async function tunnel(options: TestOptions & { ecn?: boolean }, mark?: number) {
  const seen: number[] = [];
  const [alpha, bravo] = await twoNodes(
    {
      ...options,
      wrap: (underlay): UnderlayEdge => ({
        capabilities: underlay.capabilities,
        receive: (batch) => underlay.receive(batch),
        send: (batch) => {
          for (let row = 0; row < batch.count * RECORD; row += RECORD) {
            seen.push(batch.records[row + TOS]);
            if (mark !== undefined) batch.records[row + TOS] = (batch.records[row + TOS] & ~3) | mark;
          }
          return underlay.send(batch);
        },
        pathMtu: () => underlay.pathMtu(),
        onReadable: (listener) => underlay.onReadable(listener),
        close: () => underlay.close(),
      }),
    },
    [
      { ...ALPHA, ecn: options.ecn ?? true },
      { ...BRAVO, ecn: options.ecn ?? true },
    ],
  );
  return { alpha, bravo, seen };
}

for (const flow of [V4, V6]) {
  const family = flow === V4 ? 4 : 6;

  t.test(`IPv${family}: the outer packet's TOS, by peer and configuration`, async (t) => {
    const inner = [NOT_ECT, ECT_0, ECT_1, CE].map((ecn) => withClass(udpPacket(flow, pattern(99)), (EF << 2) | ecn));
    const outer = async (options: TestOptions & { ecn?: boolean }) => {
      const { alpha, bravo, seen } = await tunnel(options);
      for (const packet of inner) {
        alpha.device.inject(packet);
        settle(alpha, bravo);
      }
      t.same(bravo.taken(), inner, 'inside nothing changes');
      return seen;
    };
    t.same(await outer({}), [NOT_ECT, ECT_0, ECT_1, CE]);
    t.same(await outer({ ecn: false }), [0, 0, 0, 0], 'a peer that may not read marks gets Not-ECT');
    t.same(await outer({ dscp: 10 }), [40, 42, 41, 43]);
    t.same(await outer({ dscp: INHERIT }), [184, 186, 185, 187]);
    t.same(await outer({ dscp: INHERIT, ecn: false }), [184, 184, 184, 184]);
  });

  t.test(`IPv${family}: a mark made outside is carried in, or the packet is dropped and counted`, async (t) => {
    const { alpha, bravo } = await tunnel({}, CE);
    for (const ecn of [NOT_ECT, ECT_0, ECT_1, CE]) {
      alpha.device.inject(withClass(udpPacket(flow, pattern(99)), (EF << 2) | ecn));
    }
    settle(alpha, bravo);
    const taken = bravo.taken();
    t.same(taken.map(classOf), [(EF << 2) | CE, (EF << 2) | CE, (EF << 2) | CE], 'the DSCP is left alone');
    t.ok(taken.every(checksumsOk));
    t.equal(bravo.counter('rx_ecn_dropped'), 1);
  });

  t.test(`IPv${family}: every frame of a superpacket bears its TOS, and marks on them are joined`, async (t) => {
    const { alpha, bravo, seen } = await tunnel({ capabilities: OFFLOADS }, CE);
    const packet = withClass(tcpPacket(flow, pattern(100_00), { partial: true }), ECT_0);
    alpha.device.inject(packet, virtioFor(packet, 1000));
    settle(alpha, bravo);
    t.ok(seen.length >= 1 && seen.every((tos) => tos === ECT_0));
    const [joined, ...more] = bravo.taken();
    t.same(more, []);
    t.equal(classOf(joined), CE);
    t.equal(joined.length, packet.length);
  });
}
