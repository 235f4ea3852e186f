import t from 'tap';
import { host, pod } from '../../../src/lab/hosts.js';
import { links } from '../../../src/lab/links.js';
import { places, planLab } from '../../../src/lab/plan.js';
import { router, routerCounters } from '../../../src/lab/router.js';

t.test('the commands that make a lab', async (t) => {
  const plan = planLab({ name: 'x', hosts: 1 }, 42);
  const [alpha] = plan.hosts;
  t.strictSame(
    places(plan).map((place) => place.namespace),
    ['podwire-x-42-router', 'podwire-x-42-alpha', 'podwire-x-42-alpha-pod1'],
  );
  t.strictSame(links(plan), [
    'link add name alpha index 100 mtu 1500 netns podwire-x-42-router type veth peer name eth0 mtu 1500 netns podwire-x-42-alpha',
    'link add name pod1 index 101 mtu 1450 netns podwire-x-42-alpha type veth peer name eth0 mtu 1450 netns podwire-x-42-alpha-pod1',
  ]);
  t.strictSame(router(plan, 4), [
    'link set lo up',
    'address add 10.101.1.1/24 dev alpha',
    'link set alpha up',
    'rule add iif alpha from 10.101.1.2 lookup main pref 10',
    'rule add iif alpha unreachable pref 11',
  ]);
  t.strictSame(host(alpha), [
    'link set lo up',
    'address add 10.101.1.2/24 dev eth0',
    'link set eth0 up',
    'route add default via 10.101.1.1',
    'address add 10.244.1.1/32 dev pod1',
    'address add fd00:244:0:1::1/128 dev pod1 nodad',
    'link set pod1 up',
    'route add 10.244.1.10/32 dev pod1',
    'route add fd00:244:0:1::10/128 dev pod1',
  ]);
  t.strictSame(pod(alpha, alpha.pods[0]), [
    'link set lo up',
    'address add 10.244.1.10/32 dev eth0',
    'address add fd00:244:0:1::10/128 dev eth0 nodad',
    'link set eth0 up',
    'route add default via 10.244.1.1 dev eth0 onlink',
    'route add default via fd00:244:0:1::1 dev eth0 onlink',
  ]);
});

t.test('an IPv6 underlay, and a router without the filter', async (t) => {
  const plan = planLab({ name: 'x', hosts: 2, underlay: 6, filter: false, mtu: 9000 }, 42);
  t.equal(plan.podMtu, 8930);
  t.strictSame(router(plan, 6), [
    'link set lo up',
    'address add fd00:101:0:1::1/64 dev alpha nodad',
    'link set alpha up',
    'address add fd00:101:0:2::1/64 dev bravo nodad',
    'link set bravo up',
  ]);
});

t.test('hosts of different families', async (t) => {
  const plan = planLab({ name: 'x', hosts: 3, underlay: [46, 4, 6], pods: 0 }, 42);
  t.strictSame(plan.families, [4, 6]);
  t.equal(plan.podMtu, 1430, 'what fits all');
  t.strictSame(
    plan.hosts.map(({ uplinks }) => uplinks.map(({ underlay }) => underlay)),
    [['10.101.1.2', 'fd00:101:0:1::2'], ['10.101.2.2'], ['fd00:101:0:3::2']],
  );
  t.strictSame(host(plan.hosts[0]).slice(1, 5), [
    'address add 10.101.1.2/24 dev eth0',
    'address add fd00:101:0:1::2/64 dev eth0 nodad',
    'link set eth0 up',
    'route add default via 10.101.1.1',
  ]);
  t.strictSame(
    router(plan, 6).filter((line) => /bravo|charlie/.test(line)),
    [
      'link set bravo up',
      'rule add iif bravo unreachable pref 11',
      'address add fd00:101:0:3::1/64 dev charlie nodad',
      'link set charlie up',
      'rule add iif charlie from fd00:101:0:3::2 lookup main pref 10',
      'rule add iif charlie unreachable pref 11',
    ],
  );
});

t.test('two routers in a row: the first host is at the one, the others at the other', async (t) => {
  const plan = planLab({ name: 'x', hosts: 2, pods: 0, filter: false, twoRouters: true }, 42);
  t.strictSame(
    places(plan).map((place) => place.namespace),
    ['podwire-x-42-router', 'podwire-x-42-far', 'podwire-x-42-alpha', 'podwire-x-42-bravo'],
  );
  t.strictSame(links(plan), [
    'link add name far index 100 mtu 1500 netns podwire-x-42-router type veth peer name near mtu 1500 netns podwire-x-42-far',
    'link add name alpha index 101 mtu 1500 netns podwire-x-42-router type veth peer name eth0 mtu 1500 netns podwire-x-42-alpha',
    'link add name bravo index 102 mtu 1500 netns podwire-x-42-far type veth peer name eth0 mtu 1500 netns podwire-x-42-bravo',
  ]);
  t.strictSame(router(plan, 4), [
    'link set lo up',
    'address add 10.101.0.1/24 dev far',
    'link set far up',
    'route add default via 10.101.0.2',
    'address add 10.101.1.1/24 dev alpha',
    'link set alpha up',
  ]);
  t.strictSame(router(plan, 4, plan.far), [
    'link set lo up',
    'address add 10.101.0.2/24 dev near',
    'link set near up',
    'route add default via 10.101.0.1',
    'address add 10.101.2.1/24 dev bravo',
    'link set bravo up',
  ]);
});

t.test('a lab that cannot be', async (t) => {
  for (const options of [
    { name: 'a-b', hosts: 1 },
    { name: '', hosts: 1 },
    { name: 'x', hosts: 0 },
    { name: 'x', hosts: 100 },
    { name: 'x', hosts: 1, pods: 91 },
  ]) {
    t.throws(() => planLab(options, 42), { code: 'INTERNAL' });
  }
});

t.test("the router's counters, from the kernel's files", async (t) => {
  const text = [
    'Ip: Forwarding DefaultTTL ForwDatagrams',
    'Ip: 1 64 11',
    'Icmp: InMsgs',
    'Icmp: 9',
    'IpExt: InNoRoutes InTruncatedPkts',
    'IpExt: 3 7',
    'Ip6InReceives                   \t5',
    'Ip6InNoRoutes                   \t4',
    'Ip6OutForwDatagrams             \t20',
    '',
  ].join('\n');
  t.strictSame(routerCounters(text), { forwarded: 31, refused: 7 });
});
