/** The simulator counts bytes without encoding anything: what it takes an update and a packet for is what they are. */
import t, { type Test } from 'tap';
import { CARD_BYTES, PACKET_RESERVE, TrafficMeter, updateBytes } from '../../../src/sim/traffic.js';
import { encodePacket, PACKET_OVERHEAD, updateSize } from '../../../src/wire/gossip/packet.js';
import { encodeState } from '../../../src/wire/gossip/stream.js';
import { SEALED_OVERHEAD } from '../../../src/wire/sealed.js';
import { ALPHA, signed } from '../wire/gossip/samples.js';

const NAME = 'node-00042';
const CARD = signed({ ...ALPHA, node: NAME });
const IPV4_AND_UDP = 28;

function near(t: Test, simulated: number, real: number, what: string): void {
  t.ok(Math.abs(simulated - real) <= 0.1 * real, `${what}: ${simulated} for ${real}`);
}

t.test('updates', async (t) => {
  const claim = { node: NAME, incarnation: 3 };
  near(t, CARD_BYTES, updateSize({ kind: 'alive', card: CARD }), 'alive');
  for (const kind of ['suspect', 'dead'] as const) {
    near(t, updateBytes({ ...claim, node: 1, kind, from: 2 }), updateSize({ ...claim, kind, from: NAME }), kind);
  }
  near(t, updateBytes({ ...claim, node: 1, kind: 'left' }), updateSize({ ...claim, kind: 'left' }), 'left');
  t.equal(PACKET_RESERVE, PACKET_OVERHEAD + SEALED_OVERHEAD);
});

t.test('a ping, and a state', async (t) => {
  const meter = new TrafficMeter();
  meter.packet({ from: 1, probe: { kind: 'ping', seq: 1, target: 2 }, updates: [] });
  meter.state(100);
  const ping = encodePacket({ from: NAME, probe: { kind: 'ping', seq: 100_000, target: NAME }, updates: [] });
  near(t, meter.read().probe.bytes, ping.length + SEALED_OVERHEAD + IPV4_AND_UDP, 'ping');
  const records = Array.from({ length: 100 }, () => ({ card: CARD, state: 0 as const, incarnation: 7, ageMs: 60_000 }));
  const state = [...encodeState(NAME, records)].reduce((sum, part) => sum + part.length, 0);
  near(t, meter.read()['push-pull'].bytes, state, 'state');
});
