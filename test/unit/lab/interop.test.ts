import t from 'tap';
import { type Cell, LOADS, type Load } from '../../../src/lab/interop.js';
import { interopTable, settings } from '../../../src/lab/interop-table.js';
import { plainPeer, staticPeer } from '../../../src/lab/kernel-vxlan.js';
import { laboratoryOf, planLab } from '../../../src/lab/plan.js';

t.test('the commands that make a kernel device a peer', async (t) => {
  const [alpha, bravo] = planLab({ name: 'x', hosts: 2 }, 42).hosts;
  t.match(staticPeer(bravo, [alpha]), [
    /^link add vxlan1 address [0-9a-f:]{17} type vxlan id 1 dev eth0 local 10.101.2.2 dstport 8472 nolearning$/,
    'address add 10.244.2.0/32 dev vxlan1',
    'address add fd00:244:0:2::2/128 dev vxlan1 nodad',
    'link set vxlan1 up',
    /^neighbour add 10.244.1.0 lladdr [0-9a-f:]{17} dev vxlan1 nud permanent$/,
    'route add 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink src 10.244.2.0',
    /^neighbour add fd00:244:0:1::2 lladdr/,
    'route add fd00:244:0:1::/64 via fd00:244:0:1::2 dev vxlan1 onlink src fd00:244:0:2::2',
  ]);
  t.match(plainPeer(bravo, alpha), [
    / dstport 8472 remote 10.101.1.2$/,
    'address add 10.244.2.0/32 dev vxlan1',
    'address add fd00:244:0:2::2/128 dev vxlan1 nodad',
    'link set vxlan1 up',
    'route add 10.244.0.0/16 dev vxlan1 src 10.244.2.0',
    'route add fd00:244::/48 dev vxlan1 src fd00:244:0:2::2',
  ]);
});

t.test('which laboratory', async (t) => {
  t.equal(laboratoryOf(undefined), 'virtual');
  t.equal(laboratoryOf(''), 'virtual');
  t.equal(laboratoryOf('cable'), 'cable');
  t.throws(() => laboratoryOf('wlan'), {
    code: 'CONFIG',
    message: "no laboratory is called 'wlan': virtual or cable",
  });
});

t.test('the matrix: what passed of what was tried, and what failed in words', async (t) => {
  const [setting] = settings();
  const cell = (load: Load, trouble: string): Cell => ({ ...setting, peer: 'static', inner: 6, load, trouble });
  const text = interopTable([cell('udp', ''), cell('tcpTo', 'no transfer came to an end')]);
  t.match(text, /\| kernel, static \| IPv6 \| 1 of 2 \| not tried \|/);
  t.match(text, `- kernel, static, IPv6 inside, IPv4, virtual, on: ${LOADS.tcpTo}: no transfer came to an end`);
  t.match(interopTable([cell('udp', '')]), /No cell fails\.$/);
});
