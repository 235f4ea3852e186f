/** Narrow paths to a peer who answers no probes: the kernel's own VXLAN. Each end is told by ICMP, and tells its pods. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { formatMac, macFromName } from '../../src/core/mac.js';
import { Lab } from '../../src/lab/lab.js';
import { ping } from '../../src/lab/tools.js';
import { labSkip, needs } from './lab.js';
import { learns, must, peerOf, setLast, setMiddle, untilMtu } from './path-mtu-lab.js';

const skip = labSkip() || needs('ping', 'iputils-ping') || needs('bridge', 'iproute2');

// Both wait most of their time: at once.
t.jobs = 2;

for (const underlay of [4, 6] as const) {
  t.test(`the kernel's own VXLAN at the other end, over IPv${underlay}`, { skip, buffered: true }, async (t) => {
    const lab = await Lab.create({ name: `kernel${underlay}`, hosts: 2, underlay, twoRouters: true });
    t.teardown(() => lab.destroy());
    const [alpha, bravo] = lab.hosts;
    const head = underlay === 4 ? 50 : 70;
    const kernelMac = macFromName('kernel vtep');
    const peer = { node: 'bravo', underlay: bravo.underlay, podCidr: bravo.podCidr, mac: formatMac(kernelMac) };
    const node = await lab.startPodwire(alpha, { config: { peers: [peer] } });
    const mac = /mac=(\S+)/.exec(node.ready)?.[1] ?? '';
    // What flannel does: a permanent neighbour for the peer's .0, and the way there by it.
    const gateways = [alpha.podCidr[0].replace('/24', ''), alpha.podCidr[1].replace('/64', '2')];
    const mtu = String(1500 - head);
    const commands = [
      `link add vx type vxlan id 1 local ${bravo.underlay} dstport 8472 nolearning dev eth0 ${underlay === 4 ? 'df set' : ''}`,
      `link set vx address ${formatMac(kernelMac)} mtu ${mtu} up`,
      `address add ${bravo.podCidr[0].replace('/24', '/32')} dev vx`,
      ...gateways.map((gateway) => `neighbour add ${gateway} lladdr ${mac} dev vx nud permanent`),
      `route add ${alpha.podCidr[0]} via ${gateways[0]} dev vx onlink`,
      `-6 route add ${alpha.podCidr[1]} via ${gateways[1]} dev vx onlink`,
    ];
    for (const command of commands) await must(lab, bravo, 'ip', ...command.trim().split(' '));
    await must(lab, bravo, 'bridge', 'fdb', 'append', mac, 'dev', 'vx', 'dst', alpha.underlay);
    const from = alpha.pods[0];
    const to = bravo.pods[0];
    for (const address of to.addresses) t.ok(await ping(lab, from, address), address);
    t.match(await peerOf(node), { mtu: 1500 - head, mtuBy: 'link', mtuSearch: 'told' });

    await setMiddle(lab, 1420);
    t.equal(
      await learns(lab, from, to.addresses[0], 1420 - head),
      1420 - head,
      'ours is told by a router, and tells the pod',
    );
    t.match(await peerOf(node), { mtu: 1420 - head, mtuBy: 'icmp' });
    // The kernel tells those who send from its own machine; for forwarded packets it uses the device's MTU.
    t.equal(await learns(lab, bravo, from.addresses[0], 1420 - head), 1420 - head, "the kernel's end, on its way back");
    await setLast(lab, bravo, 1360);
    t.equal(await learns(lab, from, to.addresses[1], 1360 - head), 1360 - head, 'one hop further, the other family');
    if (underlay === 4) {
      await delay(12_500);
      t.match(await peerOf(node), { mtu: 1360 - head }, 'what the first hop answers says nothing of the second');
    }
    await setLast(lab, bravo, 1500);
    t.comment(`the first hop grew: ${Math.round(await untilMtu(node, 1420 - head))} ms`);
    await setMiddle(lab, 1500);
    t.comment(`and the second: ${Math.round(await untilMtu(node, 1500 - head, 60_000))} ms`);
    for (const address of to.addresses) t.ok(await ping(lab, from, address), address);
  });
}
