import t from 'tap';
import { PeerSet } from '../../../src/dataplane/peers.js';
import { formatPrefix } from '../../../src/wire/address.js';
import { pattern, udpPacket } from './packets.js';
import { ALPHA, BRAVO, peer, settle, twoNodes } from './two-nodes.js';

const VXLAN = { vni: 1, port: 8472 };
const CHARLIE = peer('charlie', '203.0.113.1', '10.244.3.0/24');
const DELTA = peer('delta', '203.0.113.2', '10.244.4.0/24');

/** Changes in words. */
async function words(set: PeerSet, next: Parameters<PeerSet['difference']>[0]): Promise<string[]> {
  const { difference, commit } = await set.difference(next);
  commit();
  return difference.changes.map((change) =>
    'prefix' in change
      ? `${change.kind} ${formatPrefix(change.prefix)}${'peer' in change ? ` ${change.peer}` : ''}`
      : `${change.kind} ${change.peer}`,
  );
}

t.test('a full set-up is the difference to nothing, and the same peers again are no difference', async (t) => {
  const set = new PeerSet(ALPHA, VXLAN, 8);
  t.same(await words(set, [CHARLIE, DELTA]), [
    'setPeer 1',
    'setPrefix 10.244.3.0/24 1',
    'setPrefix 203.0.113.1/32 1',
    'setPeer 2',
    'setPrefix 10.244.4.0/24 2',
    'setPrefix 203.0.113.2/32 2',
  ]);
  t.same(await words(set, [DELTA, CHARLIE]), []);
});

t.test('removals stand before additions, so a subnet can move from one peer to another', async (t) => {
  const set = new PeerSet(ALPHA, VXLAN, 8);
  await words(set, [CHARLIE]);
  const heir = { ...DELTA, podCidr: CHARLIE.podCidr };
  t.same(await words(set, [heir]), [
    'removePrefix 10.244.3.0/24',
    'removePrefix 203.0.113.1/32',
    'removePeer 1',
    'setPeer 2',
    'setPrefix 10.244.3.0/24 2',
    'setPrefix 203.0.113.2/32 2',
  ]);
  t.same(await words(set, [heir]), []);
});

t.test('a changed peer keeps its index; indexes of the gone are used again', async (t) => {
  const set = new PeerSet(ALPHA, VXLAN, 3);
  await words(set, [CHARLIE, DELTA]);
  t.match(await words(set, [{ ...CHARLIE, mac: BRAVO.mac }, DELTA]), [
    'removePrefix 10.244.3.0/24',
    'removePrefix 203.0.113.1/32',
    'setPeer 1',
  ]);
  await words(set, [DELTA]);
  t.match(await words(set, [DELTA, BRAVO]), ['setPeer 1']);
  await t.rejects(set.difference([DELTA, BRAVO, CHARLIE]), { code: 'TABLE_FULL' });
  t.same(await words(set, [DELTA, BRAVO]), [], 'and nothing was changed');
});

t.test('frames of a peer with two underlay addresses may come from either', async (t) => {
  const set = new PeerSet(ALPHA, VXLAN, 8);
  const six = peer('delta', '2001:db8::2', '10.244.4.0/24').underlay;
  const both = { ...DELTA, otherUnderlay: six };
  t.same((await words(set, [DELTA])).length, 3);
  t.match((await words(set, [both])).slice(3), [
    'setPrefix 10.244.4.0/24 1',
    'setPrefix 203.0.113.2/32 1',
    'setPrefix 2001:db8::2/128 1',
  ]);
  t.same(await words(set, [both]), []);
  const turned = { ...DELTA, underlay: six, otherUnderlay: DELTA.underlay };
  t.equal((await words(set, [turned])).length, 7, 'which of them is sent to is a change');
  t.same(await words(set, []), [
    'removePrefix 10.244.4.0/24',
    'removePrefix 2001:db8::2/128',
    'removePrefix 203.0.113.2/32',
    'removePeer 1',
  ]);
  const { difference } = await set.difference([both]);
  const [record] = difference.changes.flatMap((change) => (change.kind === 'setPeer' ? [change.record] : []));
  t.strictSame(record.underlay, DELTA.underlay);
});

t.test('while peers come and go, packets of those that stay all arrive', async (t) => {
  const [alpha, bravo] = await twoNodes();
  let sent = 0;
  for (let round = 0; round < 50; round++) {
    let done = false;
    const change = alpha.overlay.setPeers(round % 2 === 0 ? [BRAVO, CHARLIE] : [DELTA, BRAVO]).then(() => {
      done = true;
    });
    while (!done) {
      for (let i = 0; i < 20; i++, sent++) {
        alpha.device.inject(udpPacket({ from: '10.244.1.1', to: '10.244.2.1' }, pattern(32)));
      }
      settle(alpha, bravo);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await change;
  }
  t.ok(sent >= 1000);
  t.equal(bravo.taken().length, sent);
});
