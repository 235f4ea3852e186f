import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { defaultWorkers, loadConfig, parseConfig } from '../../../../src/control/config/load.js';
import type { NodeConfig } from '../../../../src/control/config/node-config.js';
import { formatMac, macFromName } from '../../../../src/core/mac.js';
import { formatAddress, formatPrefix } from '../../../../src/wire/address.js';

const MACHINE = { hostname: 'alpha', cores: 2 };
const GOOD = { underlay: '192.0.2.1', podCidr: '10.244.1.0/24', clusterCidr: '10.244.0.0/16' };
const peer = (node: string, n: number, changes: object = {}) => ({
  node,
  underlay: `192.0.2.${n}`,
  podCidr: `10.244.${n}.0/24`,
  ...changes,
});

function configOf(raw: unknown): NodeConfig {
  const result = parseConfig(raw, MACHINE);
  if ('problems' in result) throw new TypeError(JSON.stringify(result.problems));
  return result.config;
}

function problemsOf(raw: unknown): string[] {
  const result = parseConfig(raw, MACHINE);
  return 'problems' in result ? result.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

t.test('what is absent has a default', async (t) => {
  const { underlay, podCidr, clusterCidr, ...rest } = configOf(GOOD);
  t.strictSame(underlay?.map(formatAddress), ['192.0.2.1']);
  t.same(podCidr.map(formatPrefix), ['10.244.1.0/24']);
  t.same(clusterCidr.map(formatPrefix), ['10.244.0.0/16']);
  t.strictSame(rest, {
    node: 'alpha',
    podPrefix: { 4: 24, 6: 64 },
    device: 'podwire0',
    vxlan: { vni: 1, port: 8472, dscp: 0 },
    peers: [],
    join: [],
    gossip: { port: 7946, insecure: false, profile: 'lan', forgetAfter: 3600, tune: {} },
    workers: 1,
    nice: -10,
    offload: { checksum: 'auto', tso: 'auto', uso: 'auto', udpSegment: 'auto', udpGro: 'auto' },
    socket: '/run/podwire/podwire.sock',
    stateDir: '/var/lib/podwire',
  });
});

t.test('everything that may be said', async (t) => {
  const config = configOf({
    node: 'a-1.example',
    underlay: 'fd00:1::1',
    podCidr: ['10.244.1.0/24', 'fd00:244:0:1::/64'],
    clusterCidr: ['10.244.0.0/16', 'fd00:244::/48'],
    device: 'pw-0',
    vxlan: { vni: 2 ** 24 - 1, port: 4789 },
    peers: [
      { node: 'b', underlay: 'fd00:1::2', podCidr: ['10.244.2.0/24', 'fd00:244:0:2::/64'] },
      { node: 'c', underlay: 'fd00:1::3', podCidr: '10.244.3.0/24', mac: '02:00:5E:10:00:03' },
    ],
    workers: 64,
    offload: { tso: 'off' },
    socket: '/s',
    stateDir: '/d',
    mtu: 1280,
  });
  t.equal(config.node, 'a-1.example');
  t.equal(config.mtu, 1280);
  t.equal(config.workers, 64);
  t.match(config.offload, { checksum: 'auto', tso: 'off', udpGro: 'auto' });
  t.strictSame(
    config.peers.map(({ mac }) => formatMac(mac)),
    [formatMac(macFromName('b')), '02:00:5e:10:00:03'],
  );
});

t.test('workers follow the cores', async (t) => {
  t.same([1, 2, 3, 4, 5, 6, 8, 9, 64].map(defaultWorkers), [1, 1, 1, 2, 2, 3, 4, 4, 4]);
});

const BAD: readonly [name: string, raw: unknown, lines: readonly string[]][] = [
  ['text', 'hello', [': must be a mapping of keys to values, not "hello"']],
  ['a list', [], [': must be a mapping of keys to values, not an empty list']],
  [
    'nothing',
    {},
    [
      'clusterCidr: is missing: set it in the file or with --cluster-cidr',
      'underlay: is missing: set it in the file or with --underlay; with nodes to join, the address that reaches them is taken',
      'podCidr: is missing: set it in the file or with --pod-cidr; with gossip (gossip.keyFile) the node claims a subnet',
    ],
  ],
  ['a key without a value', { ...GOOD, peers: null }, ['peers: has no value: give it one, or remove the key']],
  [
    'a key that would move the cursor',
    { ...GOOD, 'podCidr\u001b[': 1 },
    ['podCidr\\u001b[: is not a known key: did you mean podCidr?'],
  ],
  ['a key misspelt', { ...GOOD, mut: 1400 }, ['mut: is not a known key: did you mean mtu?']],
  ['in other letters', { ...GOOD, podcidr: 'x' }, ['podcidr: is not a known key: did you mean podCidr?']],
  [
    'a key of nothing we know',
    { ...GOOD, vxlan: { encryption: true } },
    ['vxlan.encryption: is not a known key; known here: vni, port, dscp'],
  ],
  [
    'a key of a peer misspelt',
    { ...GOOD, peers: [peer('b', 2, { maac: 'x' })] },
    ['peers[0].maac: is not a known key: did you mean mac?'],
  ],
  ['a group that is none', { ...GOOD, vxlan: 1 }, ['vxlan: must be a mapping with vni, port and dscp, not 1']],
  ['peers that are no list', { ...GOOD, peers: { b: 1 } }, ['peers: must be a list of peers, not a mapping']],
  [
    'a peer that is none',
    { ...GOOD, peers: ['b'] },
    ['peers[0]: must be a mapping with node, underlay and podCidr, not "b"'],
  ],
  [
    'a peer without address',
    { ...GOOD, peers: [{ node: 'b', podCidr: '10.244.2.0/24' }] },
    ['peers[0].underlay: is missing'],
  ],
  [
    'a name with a space',
    { ...GOOD, node: 'a b' },
    [
      'node: must be letters, digits, dots, hyphens and underscores, 1 to 63, with a letter or digit at both ends, not "a b"',
    ],
  ],
  [
    'an underlay that is a name',
    { ...GOOD, underlay: 'alpha.example' },
    ['underlay: "alpha.example" is not an IPv4 or IPv6 address'],
  ],
  [
    'an underlay that is a number',
    { ...GOOD, underlay: 7 },
    ['underlay: must be an IPv4 or IPv6 address, or a list of one a family, not 7'],
  ],
  [
    'an underlay of a group',
    { ...GOOD, underlay: '224.0.0.1' },
    ["underlay: 224.0.0.1 is no single host's address: write the address that the other nodes reach"],
  ],
  [
    'a wildcard underlay',
    { ...GOOD, underlay: '::' },
    ["underlay: :: is no single host's address: write the address that the other nodes reach"],
  ],
  [
    'an underlay of one link',
    { ...GOOD, underlay: 'fe80::1' },
    ['underlay: fe80::1 is valid on one link only: write a global or unique local address'],
  ],
  [
    'an underlay in the overlay',
    { ...GOOD, underlay: '10.244.200.1' },
    [
      'underlay: 10.244.200.1 lies inside clusterCidr 10.244.0.0/16, so its packets would be sent into the overlay itself: choose ranges apart',
    ],
  ],
  [
    'two underlays of one family',
    { ...GOOD, underlay: ['192.0.2.1', '192.0.2.77'], peers: [peer('b', 2, { underlay: ['fd00::2', 'fd00::2'] })] },
    [
      'underlay: 192.0.2.77 is a second IPv4 address: at most one a family',
      'peers[0].underlay: fd00::2 is a second IPv6 address: at most one a family',
    ],
  ],
  [
    'a prefix with host bits',
    { ...GOOD, podCidr: '10.244.1.9/24' },
    ['podCidr: 10.244.1.9/24 has bits set behind /24: write 10.244.1.0/24'],
  ],
  [
    'a list of no prefixes',
    { ...GOOD, podCidr: [] },
    ['podCidr: must be a prefix such as 10.1.2.0/24, or a list of one a family, not an empty list'],
  ],
  [
    'two prefixes of a family',
    { ...GOOD, podCidr: ['10.244.1.0/24', '10.244.2.0/24'] },
    ['podCidr: 10.244.2.0/24 is a second IPv4 prefix: at most one a family'],
  ],
  [
    'pods outside the cluster',
    { ...GOOD, podCidr: '10.245.1.0/24' },
    ['podCidr: 10.245.1.0/24 is not inside clusterCidr 10.244.0.0/16'],
  ],
  [
    'pods that hold the cluster',
    { ...GOOD, podCidr: '10.0.0.0/8' },
    ['podCidr: 10.0.0.0/8 is not inside clusterCidr 10.244.0.0/16'],
  ],
  [
    'pods of a family that the cluster has not',
    { ...GOOD, podCidr: 'fd00::/64' },
    ['podCidr: fd00::/64 is IPv6, and clusterCidr has no IPv6 prefix: add one'],
  ],
  [
    'a subnet without room',
    { ...GOOD, podCidr: '10.244.1.0/31' },
    ['podCidr: 10.244.1.0/31 is too small for pods: write /30 or a shorter length'],
  ],
  [
    'an IPv6 subnet without room',
    { ...GOOD, podCidr: 'fd00::/127', clusterCidr: 'fd00::/48' },
    ['podCidr: fd00::/127 is too small for pods: write /126 or a shorter length'],
  ],
  [
    'a cluster of addresses that are never routed',
    { ...GOOD, podCidr: '127.1.0.0/24', clusterCidr: '127.0.0.0/8' },
    ['clusterCidr: 127.0.0.0/8 overlaps 127.0.0.0/8, which is not for hosts that are routed to'],
  ],
  [
    'a device of one letter',
    { ...GOOD, device: 'p' },
    [
      'device: must be an interface name: 2 to 15 letters, digits, dots, hyphens and underscores, not all, default, dev or lo, not "p"',
    ],
  ],
  [
    'a device name too long',
    { ...GOOD, device: 'podwire-is-long0' },
    [
      'device: must be an interface name: 2 to 15 letters, digits, dots, hyphens and underscores, not all, default, dev or lo, not "podwire-is-long0"',
    ],
  ],
  ['VNI 0', { ...GOOD, vxlan: { vni: 0 } }, ['vxlan.vni: must be a whole number from 1 to 16777215, not 0']],
  [
    'a VNI of 25 bits',
    { ...GOOD, vxlan: { vni: 2 ** 24 } },
    ['vxlan.vni: must be a whole number from 1 to 16777215, not 16777216'],
  ],
  [
    'a port as text',
    { ...GOOD, vxlan: { port: '1' } },
    ['vxlan.port: must be a whole number from 1 to 65535, not "1"'],
  ],
  ['half a worker', { ...GOOD, workers: 0.5 }, ['workers: must be a whole number from 1 to 64, not 0.5']],
  ['a switch that is none', { ...GOOD, offload: { tso: 'on' } }, ['offload.tso: must be auto or off, not "on"']],
  ['an unknown offload', { ...GOOD, offload: { gso: 'off' } }, ['offload.gso: is not a known key: did you mean tso?']],
  ['too many workers', { ...GOOD, workers: 65 }, ['workers: must be a whole number from 1 to 64, not 65']],
  [
    'a relative socket',
    { ...GOOD, socket: 'podwire.sock' },
    ['socket: must be the path of a Unix socket: absolute, at most 107 bytes, not "podwire.sock"'],
  ],
  ['an MTU below any', { ...GOOD, mtu: 575 }, ['mtu: must be a whole number from 576 to 65485, not 575']],
  [
    'an MTU below that of IPv6',
    { ...GOOD, podCidr: 'fd00::/64', clusterCidr: 'fd00::/48', mtu: 1279 },
    ['mtu: 1279 is too small for IPv6, which needs 1280: raise it, or leave the IPv6 prefixes out'],
  ],
  [
    'a peer that is this node',
    { ...GOOD, peers: [peer('alpha', 2)] },
    ['peers[0].node: alpha is this node itself: peers are the other nodes, remove it'],
  ],
  [
    'two peers of one name',
    { ...GOOD, peers: [peer('b', 2), peer('b', 3)] },
    ['peers[1].node: b is the name of peers[0] already: every node has its own'],
  ],
  [
    'a peer with our address',
    { ...GOOD, peers: [peer('b', 2, { underlay: '192.0.2.1' })] },
    ["peers[0].underlay: 192.0.2.1 is this node's own already: every node has its own"],
  ],
  [
    'two peers with one address',
    { ...GOOD, peers: [peer('b', 2), peer('c', 3, { underlay: '192.0.2.2' })] },
    ["peers[1].underlay: 192.0.2.2 is b's (peers[0]) already: every node has its own"],
  ],
  [
    'a second underlay that is another’s',
    {
      ...GOOD,
      underlay: ['192.0.2.1', 'fd00::1'],
      peers: [peer('b', 2, { underlay: ['192.0.2.2', 'fd00::1'] }), peer('c', 3, { underlay: ['fe80::1', 'x'] })],
    },
    [
      'peers[1].underlay: "x" is not an IPv4 or IPv6 address',
      "peers[0].underlay: fd00::1 is this node's own already: every node has its own",
    ],
  ],
  [
    'pods of a peer that are ours',
    { ...GOOD, peers: [peer('b', 2, { podCidr: '10.244.1.128/25' })] },
    ["peers[0].podCidr: 10.244.1.128/25 overlaps 10.244.1.0/24, this node's own: an address has one owner"],
  ],
  [
    'pods of a peer that hold those of two others',
    { ...GOOD, peers: [peer('b', 2), peer('c', 3, { podCidr: '10.244.0.0/22' })] },
    [
      "peers[1].podCidr: 10.244.0.0/22 overlaps 10.244.1.0/24, this node's own: an address has one owner",
      "peers[1].podCidr: 10.244.0.0/22 overlaps 10.244.2.0/24, b's (peers[0]): an address has one owner",
    ],
  ],
  [
    'a MAC of a group',
    { ...GOOD, peers: [peer('b', 2, { mac: '01:00:5e:00:00:01' })] },
    ["peers[0].mac: 01:00:5e:00:00:01 is a group's address: a node needs its own, with an even first byte"],
  ],
  [
    'a MAC of nobody',
    { ...GOOD, peers: [peer('b', 2, { mac: '00:00:00:00:00:00' })] },
    ["peers[0].mac: 00:00:00:00:00:00 is nobody's address"],
  ],
  [
    'no MAC',
    { ...GOOD, peers: [peer('b', 2, { mac: '02-00' })] },
    ['peers[0].mac: "02-00" is not a MAC address: write it as 02:00:5e:10:00:01'],
  ],
  [
    'two peers with one MAC',
    { ...GOOD, peers: [peer('b', 2), peer('c', 3, { mac: formatMac(macFromName('b')) })] },
    [`peers[1].mac: ${formatMac(macFromName('b'))} is b's (peers[0]) already: every node has its own`],
  ],
  [
    'a peer with our MAC',
    { ...GOOD, peers: [peer('b', 2, { mac: formatMac(macFromName('alpha')) })] },
    [`peers[0].mac: ${formatMac(macFromName('alpha'))} is this node's own already: every node has its own`],
  ],
  [
    'much at once: all of it is told',
    { ...GOOD, underlay: 'x', workers: 0, peers: [peer('alpha', 2, { mac: 'y' }), peer('c', 1, { oops: 1 })] },
    [
      'underlay: "x" is not an IPv4 or IPv6 address',
      'peers[0].mac: "y" is not a MAC address: write it as 02:00:5e:10:00:01',
      'peers[1].oops: is not a known key; known here: node, underlay, podCidr, mac, ecn',
      'workers: must be a whole number from 1 to 64, not 0',
      'peers[0].node: alpha is this node itself: peers are the other nodes, remove it',
      "peers[1].podCidr: 10.244.1.0/24 overlaps 10.244.1.0/24, this node's own: an address has one owner",
    ],
  ],
];

for (const [name, raw, lines] of BAD) {
  t.test(`refused: ${name}`, async (t) => t.strictSame(problemsOf(raw), lines));
}

t.test('a host name that cannot be a name is told under node', async (t) => {
  const result = parseConfig(GOOD, { ...MACHINE, hostname: 'my host' });
  t.match(result, { problems: [{ path: 'node', message: /not "my host"$/ }] });
});

t.test('ten thousand peers are checked in no time', async (t) => {
  const peers = Array.from({ length: 10_000 }, (_, i) => ({
    node: `n${i}`,
    underlay: `172.16.${i >> 8}.${i & 255}`,
    podCidr: `10.${i >> 8}.${i & 255}.0/24`,
  }));
  const raw = { ...GOOD, clusterCidr: '10.0.0.0/8', podCidr: '10.200.0.0/24', peers };
  t.match(parseConfig(raw, MACHINE), { config: { peers: { length: 10_000 } } });
});

t.test('files', async (t) => {
  const directory = t.testdir({});
  const load = (text: string, flags = {}) => {
    const file = join(directory, 'podwire.conf');
    writeFileSync(file, text);
    return loadConfig({ file, flags });
  };
  const json = JSON.stringify({ ...GOOD, node: 'n', vxlan: { vni: 9, port: 1 }, peers: [peer('b', 2)] }, null, '\t');

  t.equal(load(json).vxlan.vni, 9, 'JSON, indented with tabs');
  t.equal(load('underlay: fd00::1\npodCidr: fd01::/64\nclusterCidr: fd01::/48').underlay?.[0].family, 6, 'YAML');

  const merged = load(json, { 'vxlan.port': '2', peers: ['c=192.0.2.3=10.244.3.0/24'] });
  t.same(merged.vxlan, { vni: 9, port: 2, dscp: 0 }, 'a flag wins over its key and leaves the one beside it');
  t.same(
    merged.peers.map(({ node }) => node),
    ['c'],
    '--peer replaces the list',
  );

  const file = join(directory, 'podwire.conf');
  const refusals: [string, string][] = [
    ['a: 1\na: 2', `${file}:2:1: the key a is there already: leave out one of them`],
    ['{"b": {"c d": 1, "c d": 2}}', `${file}:1:18: the key c d is there already: leave out one of them`],
    ["'e': 1\nf:\n  x:y : 1\n  x:y: 2", `${file}:4:3: the key x:y is there already: leave out one of them`],
    ['a: 1\n---\nb: 2', `${file}:2:1: a second document begins here, and only one is read: leave it out`],
    ['a: !!js/function x', `${file}:1:4: Unresolved tag: tag:yaml.org,2002:js/function`],
    ['a: *b', `${file}: Unresolved alias (the anchor must be set before the alias): b`],
    ['- a', 'the configuration must be a mapping of keys to values, not a list'],
    [
      '',
      `clusterCidr: is missing: set it in the file or with --cluster-cidr
underlay: is missing: set it in the file or with --underlay; with nodes to join, the address that reaches them is taken
podCidr: is missing: set it in the file or with --pod-cidr; with gossip (gossip.keyFile) the node claims a subnet`,
    ],
  ];
  for (const [text, message] of refusals) t.throws(() => load(text), { code: 'CONFIG', message });

  t.throws(() => loadConfig({ file: join(directory, 'none') }), {
    code: 'CONFIG',
    message: `${directory}/none: there is no such file`,
  });
  t.throws(() => loadConfig({ file: '' }), {
    code: 'CONFIG',
    message: 'the path of the configuration is empty: name a file',
  });
  t.throws(() => loadConfig({ file: directory }), {
    code: 'CONFIG',
    message: `${directory}: is a directory: name the file in it`,
  });
});
