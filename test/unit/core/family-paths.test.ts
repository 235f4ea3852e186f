/** Two nodes that watch each other over both families, under a virtual clock. */
import t from 'tap';
import { FamilyPaths } from '../../../src/core/family-paths.js';
import { macFromName } from '../../../src/core/mac.js';
import { seededRandom } from '../../../src/core/random.js';
import type { Family } from '../../../src/wire/address.js';
import { PATH_PROBE_FRAME } from '../../../src/wire/path-probe.js';
import { VXLAN_HEADER } from '../../../src/wire/vxlan.js';

const NAMES = ['alpha', 'bravo'] as const;

/** @param families of both, the one that is taken first */
function pair(families: readonly Family[]) {
  let now = 1000;
  const cut = new Set<Family>();
  const told: string[] = [];
  const turned: string[] = [];
  const arrived: [string, number][] = [];
  const watched = (node: string, order = families) => ({ node, mac: macFromName(node), families: order });
  const [alpha, bravo] = NAMES.map((name, i): FamilyPaths => {
    return new FamilyPaths(
      {
        self: { node: name, mac: macFromName(name) },
        vxlan: { vni: 1, port: 8472 },
        keys: [Buffer.alloc(32, 1)],
        random: seededRandom(i),
      },
      {
        send: (to, family, frame) => {
          if (!cut.has(family)) flying.push({ from: name, to, family, frame });
        },
        notify: ({ words }) => name === 'alpha' && told.push(words),
        arrived: (node, size) => arrived.push([node, size]),
        turned: (node) => name === 'alpha' && turned.push(node),
      },
    );
  });
  const flying: { from: string; to: string; family: Family; frame: Uint8Array }[] = [];
  alpha.setPeers([watched('bravo')], now);
  bravo.setPeers([watched('alpha')], now);
  const pass = (ms: number) => {
    for (const end = now + ms; now < end; now += 5) {
      for (const { from, to, family, frame } of flying.splice(0)) {
        (to === 'alpha' ? alpha : bravo).handleFrame(
          from,
          family,
          frame.subarray(VXLAN_HEADER, VXLAN_HEADER + PATH_PROBE_FRAME),
          now,
        );
      }
      for (const paths of [alpha, bravo]) if (paths.wakeAt() <= now) paths.wake(now);
    }
  };
  const take = (...order: Family[]) => alpha.setPeers([watched('bravo', order)], now);
  const ask = (node: string, size: number) => alpha.askPadded(node, size, size - 28, now);
  return { alpha, cut, told, turned, arrived, ask, pass, take };
}

t.test('padded requests take the way that traffic takes', async (t) => {
  const { alpha, cut, arrived, ask, pass, take } = pair([4, 6]);
  pass(100);
  t.ok(alpha.alive('bravo'));
  t.notOk(alpha.alive('nobody'));
  ask('bravo', 1400);
  ask('nobody', 1400);
  pass(50);
  t.strictSame(arrived, [['bravo', 1400]]);
  cut.add(4);
  ask('bravo', 1300);
  pass(50);
  t.equal(arrived.length, 1);
  take(6, 4);
  ask('bravo', 1200);
  pass(50);
  t.strictSame(arrived.slice(1), [['bravo', 1200]]);
});

t.test('one family is watched as ever', async (t) => {
  const { alpha, cut, told, turned, pass } = pair([6]);
  pass(5_000);
  t.match(alpha.reading('bravo'), { state: 'up', detour: undefined });
  cut.add(6);
  pass(15_000);
  t.match(alpha.reading('bravo'), { state: 'down' });
  t.strictSame(alpha.avoided('bravo'), [6]);
  t.notMatch(told.join(), /IPv/);
  t.strictSame(turned, [], 'there is nothing to turn to');
});

t.test('a family that does not carry is told, and left until it does', async (t) => {
  const { alpha, cut, told, turned, pass, take } = pair([4, 6]);
  pass(5_000);
  t.strictSame(alpha.avoided('bravo'), []);
  cut.add(4);
  pass(12_000);
  t.strictSame(alpha.avoided('bravo'), [4]);
  t.strictSame(turned, ['bravo'], 'told once');
  t.match(alpha.reading('bravo'), { state: 'down' }, 'of the family that is still taken');
  t.match(told.at(-1), /^over IPv4: .*8472 does not answer/);
  take(6, 4);
  t.match(alpha.reading('bravo'), {
    state: 'up',
    detour: 'bravo does not answer over IPv4, its traffic goes over IPv6',
  });
  cut.add(6);
  pass(12_000);
  t.strictSame(alpha.avoided('bravo'), [4, 6]);
  cut.clear();
  pass(5_000);
  t.strictSame(alpha.avoided('bravo'), []);
  take(4, 6);
  t.match(alpha.reading('bravo'), { state: 'up', detour: undefined });
  t.match(told.at(-1), /^over IPv[46]: bravo answers/);
});

t.test('a node that is no peer any more', async (t) => {
  const { alpha, pass } = pair([4, 6]);
  pass(5_000);
  alpha.setPeers([], 6_000);
  t.equal(alpha.reading('bravo'), undefined);
  t.strictSame(alpha.avoided('bravo'), []);
});
