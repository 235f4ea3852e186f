/** Packets of nobody's through the packet path: all of them cross, and nothing else notices. */
import t from 'tap';
import { twins } from '../../../src/bytes/index.js';
import { WarmUp } from '../../../src/os/warm-up.js';
import { OFFLOADS } from '../dataplane/two-nodes.js';
import { anySystemCalls } from './both-system-calls.js';

const { system, skip } = anySystemCalls();

for (const [name, capabilities] of [
  ['with offloads', OFFLOADS],
  ['without', { checksum: false, tcpSegmentation: false, udpSegmentation: false }],
] as const) {
  t.test(
    `a device ${name}: every packet goes the whole way, both ways, and it comes to an end`,
    { skip },
    async (t) => {
      if (!system) return;
      const warmUp = await WarmUp.create(system, twins, capabilities);
      let turns = 1;
      while (warmUp.turn() && turns < 100_000) turns++;
      t.ok(turns < 100_000, 'it ends');
      const {
        tx_packets,
        tx_frames,
        tx_bytes,
        rx_datagrams,
        rx_frames,
        rx_bytes,
        rx_packets,
        tx_martian,
        rx_probes,
        rx_probe_limited,
        ...others
      } = warmUp.overlay.counters.total();
      t.ok(tx_packets > turns, 'some turns have several');
      t.same([tx_frames, rx_datagrams, rx_frames], [tx_packets - tx_martian, tx_packets, tx_frames]);
      t.equal(rx_probes + rx_probe_limited, tx_martian, 'what is not for a pod');
      t.equal(tx_bytes, rx_bytes);
      if (capabilities.udpSegmentation) t.ok(rx_packets > 0 && rx_packets <= rx_frames);
      else t.equal(rx_packets, rx_frames);
      t.same([...new Set(Object.values(others))], [0], 'no drop, no answer');
    },
  );
}
