/** What pods are made with: lines and rules as golden texts, and CNI's forms. */
import t from 'tap';
import type { Choice, PodNode } from '../../../src/pods/attachment.js';
import { ATTACHMENT } from '../../../src/pods/attachments.js';
import { type NetworkConfig, readRequest } from '../../../src/pods/cni/request.js';
import { appendResult, readResult, writeResult } from '../../../src/pods/cni/result.js';
import { deviceName, macOfSibling } from '../../../src/pods/device-name.js';
import { guardText, linkLocal, unguardText } from '../../../src/pods/guard.js';
import type { NodeLink } from '../../../src/pods/kernel.js';
import { macvlanText } from '../../../src/pods/macvlan-guard.js';
import { natText } from '../../../src/pods/nat.js';
import type { PodRecord } from '../../../src/pods/pod-record.js';
import { directRoutes, underlayLines } from '../../../src/pods/underlay-routes.js';
import { type Address, formatAddress, type Prefix, parseAddress, parsePrefix } from '../../../src/wire/address.js';

const address = (text: string) => parseAddress(text) as Address;
const prefix = (text: string) => parsePrefix(text) as Prefix;

const NODE: PodNode = {
  tun: 'podwire0',
  mtu: 1450,
  mac: '02:00:00:00:00:99',
  subnets: [prefix('10.244.1.0/24'), prefix('fd00:244:0:1::/64')],
  clusterCidr: [prefix('10.244.0.0/16'), prefix('fd00:244::/48')],
  namespace: '/proc/1/ns/net',
};

const POD: PodRecord = {
  containerId: 'abc',
  ifname: 'eth0',
  netns: '/run/netns/abc',
  network: 'podwire',
  attach: 'bridge',
  device: 'pw000000000001',
  mac: '02:00:00:00:00:01',
  mtu: 1450,
  addresses: ['10.244.1.2', 'fd00:244:0:1::3'],
  masquerade: false,
  ports: [],
  since: 0,
};

t.test('ptp: the node’s side and the pod’s', async (t) => {
  const plan = ATTACHMENT.ptp.plan({ ...POD, attach: 'ptp' }, NODE);
  t.match(
    plan.node[0],
    /^link add name pw000000000001 mtu 1450 address \S+ type veth peer name eth0 .* netns \/run\/netns\/abc$/,
  );
  t.same(plan.node.slice(2), [
    'address replace fe80::1/64 dev pw000000000001 nodad',
    'address replace 10.244.1.1/32 dev pw000000000001',
    'address replace fd00:244:0:1::1/128 dev pw000000000001 nodad',
    'link set dev pw000000000001 up',
    'neigh replace 10.244.1.2 lladdr 02:00:00:00:00:01 dev pw000000000001 nud permanent',
    'neigh replace fd00:244:0:1::3 lladdr 02:00:00:00:00:01 dev pw000000000001 nud permanent',
    'route replace 10.244.1.2/32 dev pw000000000001 protocol 84 src 10.244.1.0',
    'route replace 10.244.1.2/32 dev pw000000000001 protocol 84 metric 30084',
    'route replace fd00:244:0:1::3/128 dev pw000000000001 protocol 84 src fd00:244:0:1::2',
  ]);
  t.same(plan.pod.slice(1), [
    'link set dev eth0 addrgenmode eui64',
    'address add 10.244.1.2/32 dev eth0',
    'address add fd00:244:0:1::3/128 dev eth0 nodad',
    'link set dev eth0 up',
    'route add default via 10.244.1.1 dev eth0 onlink',
    'route add default via fd00:244:0:1::1 dev eth0 onlink',
  ]);
});

t.test('where the MTU leaves no IPv6, nothing is asked of it', async (t) => {
  const record = { ...POD, addresses: ['10.244.1.2'] };
  for (const [mtu, asks] of [
    [1280, true],
    [1230, false],
    [1200, false],
  ] as const) {
    const node = { ...NODE, mtu, subnets: NODE.subnets.slice(0, 1) };
    for (const attach of ['bridge', 'ptp'] as const) {
      const { make, sysctls, lines } = ATTACHMENT[attach].prepare(node, record);
      const plan = ATTACHMENT[attach].plan({ ...record, attach, mtu }, node);
      const all = [...make, ...lines, ...plan.node, ...plan.pod];
      t.equal(/addrgenmode/.test(all.join('\n')), asks, `${attach} at ${mtu}`);
      t.same(
        [...sysctls, ...plan.podSysctls].filter(({ path, needed }) => needed && path.includes('ipv6')),
        [],
      );
      t.notMatch(all.join('\n'), /[0-9a-f]::/);
    }
    const plain = ATTACHMENT.bridge.plan({ ...record, mtu }, { ...NODE, subnets: node.subnets });
    t.equal(/addrgenmode/.test(plain.node.join('\n')), asks, `a pod at ${mtu} on a node with more`);
  }
  const underlay = { parent: 'eth0', siblingMac: POD.mac, networks: ['192.0.2.5/24'], gateways: [] };
  const { lines } = ATTACHMENT.macvlan.prepare(NODE, { ...record, attach: 'macvlan', mtu: 1230, underlay });
  t.notMatch(lines.join('\n'), /addrgenmode/, 'where a refusal counts');
});

t.test('the guard names what a pod may send, and drops the rest', async (t) => {
  t.equal(linkLocal('02:00:00:00:00:01'), 'fe80::ff:fe00:1');
  const text = guardText('pw1', '02:00:00:00:00:01', [address('10.244.1.2'), address('fd00::3')]);
  t.equal(
    text,
    `add table netdev podwire
add counter netdev podwire pw1
add chain netdev podwire pw1 { type filter hook ingress device "pw1" priority -500; policy drop; }
flush chain netdev podwire pw1
add rule netdev podwire pw1 ether saddr != 02:00:00:00:00:01 counter name "pw1" drop
add rule netdev podwire pw1 arp saddr ether 02:00:00:00:00:01 arp saddr ip { 10.244.1.2, 0.0.0.0 } accept
add rule netdev podwire pw1 ip saddr { 10.244.1.2 } accept
add rule netdev podwire pw1 ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept
add rule netdev podwire pw1 ip6 saddr != { fd00::3, fe80::ff:fe00:1 } counter name "pw1" drop
add rule netdev podwire pw1 icmpv6 type { nd-router-advert, nd-redirect } counter name "pw1" drop
add rule netdev podwire pw1 icmpv6 type nd-neighbor-advert @th,64,128 0xfd000000000000000000000000000003 accept
add rule netdev podwire pw1 icmpv6 type nd-neighbor-advert @th,64,128 0xfe80000000000000000000fffe000001 accept
add rule netdev podwire pw1 icmpv6 type nd-neighbor-advert counter name "pw1" drop
add rule netdev podwire pw1 ether type ip6 accept
add rule netdev podwire pw1 counter name "pw1" drop
`,
  );
  t.match(unguardText('pw1'), /\ndelete chain netdev podwire pw1\n.*\ndelete counter netdev podwire pw1\n$/);
  t.notMatch(guardText('pw1', '02:00:00:00:00:01', [address('10.244.1.2')]), /ip6/, 'a pod without IPv6 sends none');
});

const LINK = { index: 2, kind: '', type: 'ether', wireless: false, mtu: 1500, up: true, gateways: [] };
const ETH0: NodeLink = {
  ...LINK,
  name: 'eth0',
  mac: '02:00:00:00:01:01',
  addresses: ['192.0.2.5', '2001:db8::5'],
  networks: ['192.0.2.5/24', '2001:db8::5/64', 'fe80::5/64'],
  gateways: ['192.0.2.1', 'fe80::1'],
};

t.test('macvlan: a place in the node’s own network', async (t) => {
  const network = (more: Partial<NetworkConfig>) =>
    ({
      range: [prefix('192.0.2.0/26'), prefix('2001:db8::40/124')],
      gateways: [],
      ports: [],
      ...more,
    }) as NetworkConfig;
  const choose = (more: Partial<NetworkConfig>, link: Partial<NodeLink> = {}) =>
    ATTACHMENT.macvlan.choose?.(network(more), [{ ...ETH0, ...link }]);
  const choice = choose({}) as Choice;
  t.match(choice, {
    device: 'pwmv-eth0',
    mtu: 1500,
    underlay: {
      parent: 'eth0',
      networks: ['192.0.2.5/24', '2001:db8::5/64'],
      // A link-local next hop is not in the pod's network, as the guard sees it.
      gateways: ['192.0.2.1'],
    },
  });
  t.same(
    choice.range?.map(({ reserved }) => reserved.map(formatAddress)),
    [['192.0.2.5', '192.0.2.1', '192.0.2.0'], []],
    'no pod gets the node’s address, the gateway’s or the network’s own',
  );
  t.match(choose({}, { wireless: true }), /eth0 cannot carry macvlan pods: it is wireless/);
  t.match(choose({ gateways: [address('192.0.2.9')] }), { underlay: { gateways: ['192.0.2.9'] } });
  t.equal((choose({}, { name: 'enp129s0f0np0' }) as Choice).device.length, 15, 'a long name is a hash');
  const record: PodRecord = {
    ...POD,
    attach: 'macvlan',
    device: 'pwmv-eth0',
    addresses: ['192.0.2.2', '2001:db8::40'],
    ...(choice.underlay && { underlay: choice.underlay }),
  };
  const plan = ATTACHMENT.macvlan.plan(record, NODE);
  const own = deviceName('abc/eth0');
  const siblingMac = macOfSibling(ETH0.mac);
  t.same(plan.node, [
    `link add link eth0 name ${own} netns /run/netns/abc mtu 1450 address 02:00:00:00:00:01 type macvlan mode bridge`,
    'neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev pwmv-eth0 nud permanent',
    'route replace 192.0.2.2/32 dev pwmv-eth0 protocol 84 src 192.0.2.5',
    'neigh replace 2001:db8::40 lladdr 02:00:00:00:00:01 dev pwmv-eth0 nud permanent',
    'route replace 2001:db8::40/128 dev pwmv-eth0 protocol 84 src 2001:db8::5',
  ]);
  t.same(plan.pod, [
    'link set dev eth0 down',
    'address add 192.0.2.2/24 dev eth0',
    'address add 2001:db8::40/64 dev eth0',
    'link set dev eth0 up',
    `neigh replace 192.0.2.5 lladdr ${siblingMac} dev eth0 nud permanent`,
    `neigh replace 2001:db8::5 lladdr ${siblingMac} dev eth0 nud permanent`,
    'route add default via 192.0.2.1 dev eth0',
    'route add 10.244.0.0/16 via 192.0.2.5 dev eth0 mtu 1450',
    'route add fd00:244::/48 via 2001:db8::5 dev eth0 mtu 1450',
  ]);
  t.same(plan.undoPod, [`link del dev ${own}`, `link del dev podwire-${own}`], 'by names that are nobody else’s');

  const sibling: NodeLink = { ...ETH0, name: 'pwmv-eth0', kind: 'macvlan', mac: siblingMac, link: 'eth0' };
  const text = macvlanText([record], [ETH0, sibling], NODE.clusterCidr, NODE.subnets);
  for (const line of [
    `elements = { 02:00:00:00:01:01 : accept, ${siblingMac} : accept, 02:00:00:00:00:01 : goto ${own} }`,
    'type filter hook egress device "eth0" priority -500; policy accept;',
    'iifname "pwmv-eth0" ip daddr 10.244.0.0/16 ip daddr != { 10.244.1.0/24 } notrack',
    'ip saddr { 192.0.2.2 } accept',
  ]) {
    t.ok(text.includes(`    ${line}\n`), line);
  }
  t.notMatch(text, /vlan accept/);
  const vlan: NodeLink = { ...ETH0, name: 'eth0.7', kind: 'vlan', link: 'eth0' };
  t.match(macvlanText([record], [ETH0, sibling, vlan], [], []), /ether type vlan accept\n {4}drop/);
  t.notMatch(macvlanText([record], [sibling], [], []), /chain/, 'a device that is gone is in no rule');

  const peers = [
    { podCidr: [prefix('10.244.2.0/24'), prefix('fd00:244:0:2::/64')], underlays: [address('192.0.2.6')] },
    { podCidr: [prefix('10.244.3.0/24')], underlays: [address('198.51.100.1')] },
  ];
  t.same(directRoutes(choice.underlay ? [choice.underlay] : [], peers, NODE), [
    'throw 10.244.1.0/24',
    'throw fd00:244:0:1::/64',
    '10.244.2.0/24 via 192.0.2.6 dev eth0',
    'unreachable 10.244.0.0/16',
    'unreachable fd00:244::/48',
  ]);
});

t.test('SNAT for what leaves the cluster, ports in; only where asked', async (t) => {
  t.equal(natText([POD], NODE.clusterCidr, 'podwire0'), 'add table inet podwire_nat\ndelete table inet podwire_nat\n');
  const asking: PodRecord = {
    ...POD,
    masquerade: true,
    ports: [
      { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
      { hostPort: 53, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' },
    ],
  };
  const text = natText([asking], NODE.clusterCidr, 'podwire0');
  for (const line of [
    'meta nfproto ipv4 tcp dport 8080 dnat ip to 10.244.1.2:80',
    'meta nfproto ipv6 tcp dport 8080 dnat ip6 to [fd00:244:0:1::3]:80',
    'meta nfproto ipv4 ip daddr 192.0.2.1 udp dport 53 dnat ip to 10.244.1.2:53',
    'ip saddr 10.244.1.2 ip daddr != { 10.244.0.0/16 } oifname != "podwire0" fib daddr type unicast masquerade',
  ]) {
    t.ok(text.includes(`    ${line}\n`), line);
  }
  t.notMatch(text, /nfproto ipv6 ip daddr/);
  t.match(
    natText([{ ...POD, masquerade: true }], NODE.clusterCidr.slice(0, 1), 'podwire0'),
    '    ip6 saddr fd00:244:0:1::3 oifname != "podwire0" fib daddr type unicast masquerade\n',
    'a family of which the cluster has no range',
  );
});

t.test('routes to other nodes’ underlay addresses: differences only', async (t) => {
  const none = { subnets: [], peers: [], siblings: [], direct: [] };
  const two = {
    ...none,
    subnets: NODE.subnets.slice(0, 1),
    peers: [address('192.0.2.1'), address('192.0.2.2'), address('fd0f::1')],
  };
  t.same(underlayLines(none, two, 'podwire0'), {
    remove: [],
    add: [
      'route replace 192.0.2.1/32 dev podwire0 table 8472 protocol 84',
      'route replace 192.0.2.2/32 dev podwire0 table 8472 protocol 84',
      'rule add from 10.244.1.0/24 lookup 8472 pref 30084 protocol 84',
    ],
  });
  t.same(underlayLines(two, { ...two, peers: [address('192.0.2.2')] }, 'podwire0'), {
    remove: ['route del 192.0.2.1/32 dev podwire0 table 8472 protocol 84'],
    add: [],
  });
});

t.test('results of every version', async (t) => {
  const { result } = ATTACHMENT.bridge.plan(POD, NODE);
  t.match(writeResult(result, '1.1.0'), { interfaces: [{ mtu: 1450 }, { mtu: 1450 }, { mtu: 1450 }] });
  t.strictSame(Object.keys((writeResult(result, '1.0.0')['interfaces'] as object[])[0]), ['name', 'mac']);
  t.match(writeResult(result, '0.3.0'), { cniVersion: '0.3.0', ips: [{ version: '4' }, { version: '6' }] });
  const before = readResult({
    interfaces: [{ name: 'a' }],
    ips: [{ version: '4', address: '192.0.2.1/24', interface: 0 }],
  });
  t.match(appendResult(before, result).ips, [{ interface: 0 }, { interface: 3 }, { interface: 3 }]);
  for (const no of [null, 'text', { ips: [{}] }, { interfaces: 'x' }, { dns: 4 }]) t.equal(readResult(no), undefined);
});

t.test('what a runtime may say, and what not', async (t) => {
  const call = { command: 'ADD', containerId: 'abc', netns: '/run/netns/abc', ifname: 'eth0', args: '' };
  const read = (network: object, more: object = {}) =>
    readRequest({
      ...call,
      ...more,
      config: JSON.stringify({ cniVersion: '1.0.0', name: 'n', type: 'podwire-cni', ...network }),
    });
  t.match(
    read({}, { args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;IP=10.0.0.5;MAC=02:00:00:00:00:05' }),
    {
      attachment: { pod: 'shop/web' },
      network: { attach: 'bridge', ips: [{ family: 4 }], mac: Uint8Array.of(2, 0, 0, 0, 0, 5) },
    },
  );
  t.match(
    read({ runtimeConfig: { portMappings: [{ hostPort: 1, containerPort: 2, protocol: 'UDP', hostIP: '0.0.0.0' }] } }),
    {
      network: { ports: [{ hostPort: 1, containerPort: 2, protocol: 'udp' }] },
    },
  );
  t.match(
    read({
      runtimeConfig: { portMappings: [{ HostPort: 8088, ContainerPort: 8080, Protocol: 'tcp', HostIP: '192.0.2.1' }] },
    }),
    { network: { ports: [{ hostPort: 8088, containerPort: 8080, protocol: 'tcp', hostIP: '192.0.2.1' }] } },
    "as containerd's CRI spells it",
  );
  const refused: [object, object, number][] = [
    [{ cniVersion: '9.0.0' }, {}, 1],
    [{ cniVersion: undefined }, {}, 1],
    [{ mtu: 'large' }, {}, 7],
    [{ mtu: -1 }, {}, 7],
    [{ runtimeConfig: [] }, {}, 7],
    [{ runtimeConfig: { ips: ['10.0.0.1', '10.0.0.2'] } }, {}, 7],
    [{ runtimeConfig: { mac: 'ff:ff:ff:ff:ff:ff' } }, {}, 7],
    [{ runtimeConfig: { portMappings: [{ hostPort: 0, containerPort: 1 }] } }, {}, 7],
    [{ prevResult: 'text' }, {}, 6],
    [{}, { netns: '/run/netns/a b' }, 4],
    [{}, { netns: '' }, 4],
    [{}, { ifname: '../x' }, 4],
    [{}, { ifname: 'a"b' }, 4],
    [{}, { containerId: 'x y' }, 4],
  ];
  for (const [network, more, code] of refused) {
    t.throws(() => read(network, more), { code }, JSON.stringify([network, more]));
  }
  t.match(read({}, { command: 'DEL', netns: '' }), { command: 'DEL' });
  t.throws(() => read({}, { command: 'GC' }), { code: 7, message: /is missing: .*; nothing was changed$/ });
  for (const none of [[], null]) {
    t.match(read({ 'cni.dev/valid-attachments': none }, { command: 'GC' }), { network: { name: 'n', valid: [] } });
  }
  for (const [network, , code] of refused.filter(([, , code]) => code > 4)) {
    t.match(read(network, { command: 'DEL' }), { attachment: { containerId: 'abc' } }, `DEL of what ADD gave ${code}`);
  }
});
