/** What is remembered of the packets before, through turns: it holds until the table is changed, and no longer. */
import t from 'tap';
import { type Flow, icmpEcho, pattern } from './packets.js';
import { ALPHA, peer, settle, twoNodes } from './two-nodes.js';

const FLOWS: readonly Flow[] = [
  { from: '10.244.1.5', to: '10.244.2.9' },
  { from: 'fd00:244:1::5', to: 'fd00:244:2::9' },
];

for (const flow of FLOWS) {
  const family = flow.from.includes(':') ? 'IPv6' : 'IPv4';
  const packet = icmpEcho(flow, pattern(56));

  t.test(`${family}: a peer that went is known no more, neither as destination nor as sender`, async (t) => {
    const [alpha, bravo] = await twoNodes();
    for (let round = 0; round < 3; round++) {
      alpha.device.inject(packet);
      settle(alpha, bravo);
    }
    t.same(bravo.taken(), [packet, packet, packet]);

    await bravo.overlay.setPeers([]);
    alpha.device.inject(packet);
    settle(alpha, bravo);
    t.equal(bravo.counter('rx_unknown_sender'), 1);

    await alpha.overlay.setPeers([]);
    alpha.device.inject(packet);
    settle(alpha, bravo);
    t.equal(alpha.counter('tx_no_peer'), 1);
    t.same(bravo.taken(), []);
  });

  t.test(`${family}: a subnet that a peer lost is no longer its source, though the peer stays`, async (t) => {
    const [alpha, bravo] = await twoNodes();
    alpha.device.inject(packet);
    settle(alpha, bravo);
    t.same(bravo.taken(), [packet]);

    await bravo.overlay.setPeers([{ ...ALPHA, podCidr: peer('alpha', '192.0.2.1', '10.244.9.0/24').podCidr }]);
    alpha.device.inject(packet);
    settle(alpha, bravo);
    t.equal(bravo.counter('rx_source_not_owned'), 1);
    t.same(bravo.taken(), []);
  });
}
