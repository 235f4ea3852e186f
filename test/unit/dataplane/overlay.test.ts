/** Changes of many peers: they are worked out in slices, and nobody sees one half done. */
import t from 'tap';
import { twins } from '../../../src/bytes/index.js';
import { macFromName } from '../../../src/core/mac.js';
import { SLICE } from '../../../src/core/slices.js';
import { Overlay, pathContext } from '../../../src/dataplane/overlay.js';
import { refuseClashes } from '../../../src/dataplane/peer-clashes.js';
import { type Peer, PeerSet } from '../../../src/dataplane/peers.js';
import { ALPHA, BRAVO, peer } from './two-nodes.js';

const VXLAN = { vni: 1, port: 8472 };
const MANY = 20 * SLICE + 1;
const CROWD = Array.from({ length: MANY }, (_, i) => {
  const [high, low] = [i >> 8, i & 0xff];
  return peer(`node-${i}`, `198.18.${high}.${low}`, `10.${100 + high}.${low}.0/24`);
});
const CHANGED: Peer = { ...CROWD[7], mac: macFromName('changed') };

const crowded = (maxPeers = 1024) => Overlay.create({ self: ALPHA, vxlan: VXLAN, mtu: 1450, workers: 1, maxPeers });
const names = (overlay: Overlay) => [...overlay.peers()].map(({ peer }) => peer.node);

t.test('many peers are worked out in slices', async (t) => {
  let pauses = 0;
  const set = new PeerSet(ALPHA, VXLAN, 1024, (resume) => {
    pauses++;
    setImmediate(resume);
  });
  const come = await set.difference(CROWD);
  t.equal(pauses, 60, 'twenty each: who is wanted, who is new, what is to be done');
  t.equal(come.difference.added.length, MANY);
  t.equal(set.at(1), undefined, 'nothing is remembered yet');
  come.commit();
  t.equal(set.at(MANY), CROWD[MANY - 1]);

  pauses = 0;
  const one = await set.difference([CHANGED, ...CROWD.filter((_, i) => i !== 7 && i !== 9)]);
  t.same([one.difference.changed, one.difference.removed], [['node-7'], ['node-9']]);
  t.same([one.moved, one.gone], [[8], [10]]);
  t.equal(one.difference.unchanged, MANY - 2);
  t.equal(pauses, 58, 'nineteen, twenty, nineteen: who is wanted, who was there, who is new');
});

t.test('changes that are asked for at once happen one after the other', async (t) => {
  const overlay = await crowded();
  const first = overlay.setPeers(CROWD);
  const second = overlay.setPeers([CHANGED, BRAVO]);
  const third = overlay.setPeers([]);
  t.equal((await first).added.length, MANY);
  const { added, changed, removed } = await second;
  t.same([added, changed, removed.length], [['bravo'], ['node-7'], MANY - 1]);
  t.same((await third).removed, ['node-7', 'bravo']);
  t.same(names(overlay), []);
});

t.test('while one is worked out the event loop turns, and all of it is seen at once', async (t) => {
  const overlay = await crowded();
  await overlay.setPeers(CROWD);
  const { table } = pathContext(overlay.shared, 0, twins, () => 0);
  const owner = ({ podCidr: [{ words }] }: Peer) => table.owner(words[0], words[1], words[2], words[3]);
  let done = false;
  const change = overlay.setPeers([BRAVO]).then(() => {
    done = true;
  });
  let turns = 0;
  const seen = new Set<string>();
  for (; !done; turns++) {
    table.begin();
    seen.add(`${owner(CROWD[0]) >= 0} ${owner(CROWD[MANY - 1]) >= 0} ${owner(BRAVO) >= 0}`);
    table.rest();
    t.ok(['node-0', 'bravo'].includes(names(overlay)[0]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await change;
  t.ok(turns > 40, `${turns} turns`);
  t.same([...seen], ['true true false', 'false false true']);
});

t.test('too many change nothing, wherever in the list that is noticed', async (t) => {
  const overlay = await crowded(MANY);
  const fitting = CROWD.slice(1);
  await overlay.setPeers(fitting);
  const before = names(overlay);
  const refused = overlay.setPeers([CHANGED, BRAVO, ...CROWD.filter((_, i) => i !== 7)]);
  const after = overlay.setPeers(fitting);
  await t.rejects(refused, { code: 'TABLE_FULL' });
  t.match(await after, { changes: [], unchanged: MANY - 1 });
  t.same(names(overlay), before);
});

const CHARLIE = peer('charlie', '203.0.113.1', '10.244.3.0/24', 'fd00:244:3::/64');
const from = (one: Peer, other: Peer, key: keyof Peer) => ({ ...one, [key]: other[key] });
const wide = peer('wide', '203.0.113.9', '10.244.2.0/23').podCidr;

const CLASHES: [string, Peer[], string][] = [
  ['one name', [BRAVO, from(CHARLIE, BRAVO, 'node')], 'peers[0] and peers[1] both have the name bravo'],
  ['our name', [from(CHARLIE, ALPHA, 'node')], 'this node and peers[0] both have the name alpha'],
  [
    'one address',
    [BRAVO, from(CHARLIE, BRAVO, 'underlay')],
    'bravo and charlie both have the underlay address 198.51.100.1',
  ],
  [
    'one address that is the second of a node',
    [
      { ...BRAVO, otherUnderlay: peer('x', 'fd00::1').underlay },
      { ...CHARLIE, underlay: peer('x', 'fd00::1').underlay },
    ],
    'bravo and charlie both have the underlay address fd00::1',
  ],
  [
    'our address',
    [from(CHARLIE, ALPHA, 'underlay')],
    'alpha (this node) and charlie both have the underlay address 192.0.2.1',
  ],
  [
    'one MAC',
    [
      BRAVO,
      { ...CHARLIE, mac: Uint8Array.of(2, 0, 94, 16, 0, 1) },
      peer('d', '203.0.113.2'),
      {
        ...peer('e', '203.0.113.3'),
        mac: Uint8Array.of(2, 0, 94, 16, 0, 1),
      },
    ],
    'charlie and e both have the MAC 02:00:5e:10:00:01',
  ],
  [
    'one subnet',
    [BRAVO, from(CHARLIE, BRAVO, 'podCidr')],
    'podCidr 10.244.2.0/24 of charlie overlaps podCidr 10.244.2.0/24 of bravo',
  ],
  [
    'our subnet',
    [from(CHARLIE, ALPHA, 'podCidr')],
    'podCidr 10.244.1.0/24 of charlie overlaps podCidr 10.244.1.0/24 of alpha (this node)',
  ],
  [
    'a subnet in another that comes behind it',
    [BRAVO, { ...CHARLIE, podCidr: wide }],
    'podCidr 10.244.2.0/24 of bravo overlaps podCidr 10.244.2.0/23 of charlie',
  ],
];

for (const [name, peers, message] of CLASHES) {
  t.test(`refused, and nothing is changed: ${name}`, async (t) => {
    const overlay = await crowded();
    const before = peer('delta', '203.0.113.4', '10.244.4.0/24');
    await overlay.setPeers([before]);
    const line = `${message}: each node has its own: nothing was changed`;
    await t.rejects(overlay.setPeers(peers), { code: 'CONFIG', message: line });
    t.same(names(overlay), ['delta']);
    t.match(await overlay.setPeers([BRAVO, CHARLIE]), { added: ['bravo', 'charlie'], removed: ['delta'] });
    t.match(await overlay.setPeers([]), { removed: ['bravo', 'charlie'] });
  });
}

t.test('clashes of many are looked for in slices', async (t) => {
  let pauses = 0;
  await refuseClashes(ALPHA, CROWD, (resume) => {
    pauses++;
    setImmediate(resume);
  });
  t.equal(pauses, 40, 'twenty each: what each has, and whether a subnet lies in another');
});

t.test('lists that are checked already are taken as they are', async (t) => {
  const overlay = await Overlay.create({ self: ALPHA, vxlan: VXLAN, mtu: 1450, workers: 1, peersChecked: true });
  t.match(await overlay.setPeers([BRAVO, from(CHARLIE, BRAVO, 'mac')]), { added: ['bravo', 'charlie'] });
});
