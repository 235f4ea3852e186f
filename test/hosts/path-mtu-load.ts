/**
 * Paths that shrink and grow behind routers, after what the kernel's own tests of tunnels over narrow paths expect: two
 * routers between the ends, one hop narrowed and then another, each raised again; what is sent into the tunnel is told,
 * and what was told wears off; both families inside, over both families outside; a kernel's own VXLAN at the other end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Lab } from '../../src/lab/lab.js';
import { gossipConfig, type RunningPodwire } from '../../src/lab/podwire.js';
import { ping, transfer } from '../../src/lab/tools.js';
import { labSkip, needs } from './lab.js';
import { learns, must, peerOf, setLast, setMiddle, swallowIcmp, untilMtu, watchFlow } from './path-mtu-lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping') || needs('nft', 'nftables');

/** A host's pods are numbered by hand, so the node holds its subnet by configuration and finds the others by gossip. */
async function cluster(lab: Lab): Promise<RunningPodwire[]> {
  const nodes: RunningPodwire[] = [];
  for (const host of lab.hosts) {
    const podCidr = host.podCidr;
    nodes.push(await lab.startPodwire(host, { config: { ...gossipConfig(lab, host), podCidr } }));
  }
  for (let tries = 0; tries < 200 && (await peerOf(nodes[0]).catch(() => undefined)) === undefined; tries++)
    await delay(50);
  return nodes;
}

/** @param underlay each in a file of its own: it takes a minute */
export function shrinkAndGrow(underlay: 4 | 6): void {
  t.test(`a path over IPv${underlay} that shrinks and grows under load`, { skip }, async (t) => {
    const lab = await Lab.create({ name: `pmtu${underlay}`, hosts: 2, underlay, twoRouters: true });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    const [node, other] = await cluster(lab);
    const head = underlay === 4 ? 50 : 70;
    const from = alpha.pods[0];
    const to = bravo.pods[0];

    /** One transfer, with a change in the midst of it. */
    async function underLoad(family: 4 | 6, ms: number, change: () => Promise<unknown>) {
      const running = transfer(lab, from, to, family, ms);
      await delay(2000);
      const flow = watchFlow(other);
      await change();
      await delay(ms - 3500);
      const seen = await flow.stop();
      return { intact: (await running)?.intact, ...seen };
    }

    const start = performance.now();
    while ((await peerOf(node)).mtuSearch !== 'complete' && performance.now() - start < 20_000) await delay(50);
    t.match(await peerOf(node), { mtu: 1500 - head, mtuBy: 'probed', mtuSearch: 'complete' });
    t.comment(`proven after ${Math.round(performance.now() - start)} ms`);

    await t.test('ICMP passes: one hop, then another', async (t) => {
      let took = 0;
      const { intact, worstMs } = await underLoad(4, 5000, async () => {
        await setMiddle(lab, 1420);
        took = await untilMtu(node, 1420 - head);
      });
      t.ok(intact, `used after ${Math.round(took)} ms, TCP stood still for ${Math.round(worstMs)} ms at most`);
      t.ok(worstMs < 3000);
      t.match(await peerOf(node), { mtuBy: 'icmp', mtuSearch: 'complete' });
      t.equal(await learns(lab, from, to.addresses[0], 1420 - head), 1420 - head, 'the inner sender is told');

      const second = await underLoad(6, 5000, async () => {
        await setLast(lab, bravo, 1360);
        took = await untilMtu(node, 1360 - head);
      });
      t.ok(
        second.intact,
        `used after ${Math.round(took)} ms, TCP stood still for ${Math.round(second.worstMs)} ms at most`,
      );
      t.ok(second.worstMs < 3000);
      t.equal(await learns(lab, from, to.addresses[1], 1360 - head), 1360 - head, 'in both families');
    });

    await t.test('it grows again, one hop after the other', async (t) => {
      await setLast(lab, bravo, 1500);
      t.comment(`the first hop: ${Math.round(await untilMtu(node, 1420 - head))} ms`);
      await setMiddle(lab, 1500);
      t.comment(`the second: ${Math.round(await untilMtu(node, 1500 - head))} ms`);
      for (const address of to.addresses) await must(lab, from, 'ip', 'route', 'flush', 'cache', 'to', address);
      const size = String(lab.plan.podMtu - 28);
      const { code } = await lab.exec(from, ['ping', '-n', '-c', '2', '-M', 'do', '-s', size, to.addresses[0]]);
      t.equal(code, 0, 'what the pod remembered is gone, and a full packet passes');
    });

    await t.test('ICMP is swallowed: found all the same', async (t) => {
      await swallowIcmp(lab, true);
      let took = 0;
      const { intact, worstMs } = await underLoad(4, 15_000, async () => {
        await setMiddle(lab, 1389);
        took = await untilMtu(node, 1389 - head);
      });
      t.ok(intact, `used after ${Math.round(took)} ms, TCP stood still for ${Math.round(worstMs)} ms at most`);
      t.ok(worstMs < 14_000);
      t.match(await peerOf(node), { mtuBy: 'probed' });
      t.equal(await learns(lab, from, to.addresses[0], 1389 - head), 1389 - head, 'the inner sender is told by us');
      await setMiddle(lab, 1500);
      t.comment(`grown: ${Math.round(await untilMtu(node, 1500 - head))} ms`);
      await swallowIcmp(lab, false);
    });

    await t.test("the host's own link shrinks, which the kernel says", async (t) => {
      await must(lab, alpha, 'ip', 'link', 'set', 'eth0', 'mtu', '1440');
      const took = await untilMtu(node, 1440 - head);
      t.equal((await peerOf(node)).mtuBy, 'kernel', `${Math.round(took)} ms`);
      await must(lab, alpha, 'ip', 'link', 'set', 'eth0', 'mtu', '1500');
      t.comment(`grown: ${Math.round(await untilMtu(node, 1500 - head))} ms`);
      t.ok(await ping(lab, from, to.addresses[0]));
    });
  });
}
