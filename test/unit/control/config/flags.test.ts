import t from 'tap';
import { type FlagValues, flags, mergeFlags } from '../../../../src/control/config/flags.js';

t.test('every key is a flag', async (t) => {
  t.strictSame(
    flags().map(({ key, name }) => `${key} --${name}`),
    [
      'node --node',
      'underlay --underlay',
      'podCidr --pod-cidr',
      'clusterCidr --cluster-cidr',
      'podPrefix --pod-prefix',
      'device --device',
      'vxlan.vni --vxlan-vni',
      'vxlan.port --vxlan-port',
      'vxlan.dscp --vxlan-dscp',
      'peers --peer',
      'join --join',
      'gossip.port --gossip-port',
      'gossip.keyFile --gossip-key-file',
      'gossip.insecure --gossip-insecure',
      'gossip.profile --gossip-profile',
      'gossip.forgetAfter --gossip-forget-after',
      'gossip.tune --gossip-tune',
      'workers --workers',
      'nice --nice',
      'offload.checksum --offload-checksum',
      'offload.tso --offload-tso',
      'offload.uso --offload-uso',
      'offload.udpSegment --offload-udp-segment',
      'offload.udpGro --offload-udp-gro',
      'socket --socket',
      'stateDir --state-dir',
      'mtu --mtu',
    ],
  );
  for (const { key, description, value, fallback } of flags()) {
    t.match(description, /^[A-Z].*\.$/, `${key} is described in a sentence`);
    t.not(value, 'VALUE', `${key} has a word for its value`);
    t.equal(fallback === undefined, key === 'clusterCidr', `${key} has a default or not`);
  }
});

const MERGED: readonly [name: string, file: unknown, values: FlagValues, merged: unknown][] = [
  ['no flags', { a: 1 }, {}, { a: 1 }],
  ['a number', {}, { 'vxlan.port': '80' }, { vxlan: { port: 80 } }],
  ['a number where a word may stand', {}, { 'vxlan.dscp': '46' }, { vxlan: { dscp: 46 } }],
  ['that word', {}, { 'vxlan.dscp': 'inherit' }, { vxlan: { dscp: 'inherit' } }],
  ['no number stays text, for the schema to refuse', {}, { workers: '-1' }, { workers: '-1' }],
  ['a prefix', {}, { podCidr: '10.0.0.0/24' }, { podCidr: ['10.0.0.0/24'] }],
  ['two prefixes', {}, { clusterCidr: '10.0.0.0/8,fd00::/48' }, { clusterCidr: ['10.0.0.0/8', 'fd00::/48'] }],
  ['two addresses', {}, { underlay: '192.0.2.1,fd00::1' }, { underlay: ['192.0.2.1', 'fd00::1'] }],
  ['a comma elsewhere', {}, { socket: '/a,b' }, { socket: '/a,b' }],
  ['beside what the file has', { vxlan: { vni: 3 } }, { 'vxlan.port': '80' }, { vxlan: { vni: 3, port: 80 } }],
  [
    'peers',
    { peers: [1] },
    { peers: ['b=192.0.2.2=10.0.2.0/24', 'c=192.0.2.3,fd00::3=10.0.3.0/24,fd01::/64=02:00:00:00:00:03'] },
    {
      peers: [
        { node: 'b', underlay: ['192.0.2.2'], podCidr: ['10.0.2.0/24'] },
        {
          node: 'c',
          underlay: ['192.0.2.3', 'fd00::3'],
          podCidr: ['10.0.3.0/24', 'fd01::/64'],
          mac: '02:00:00:00:00:03',
        },
      ],
    },
  ],
  ['lengths', {}, { podPrefix: '24' }, { podPrefix: 24 }],
  ['a length of each family', {}, { podPrefix: '24,64' }, { podPrefix: [24, 64] }],
  [
    'whom to join',
    {},
    { join: ['192.0.2.1,192.0.2.2:7', '[fd00::1]:8'] },
    { join: ['192.0.2.1', '192.0.2.2:7', '[fd00::1]:8'] },
  ],
  [
    'a flag that has no value',
    { gossip: { port: 9 } },
    { 'gossip.insecure': true },
    { gossip: { port: 9, insecure: true } },
  ],
  [
    'parameters',
    {},
    { 'gossip.tune': ['probeInterval=500', 'a=b'] },
    { gossip: { tune: { probeInterval: 500, a: 'b' } } },
  ],
  ['a file that is no mapping stays for the schema to refuse', 'text', { node: 'a' }, 'text'],
];

for (const [name, file, values, merged] of MERGED) {
  t.test(name, async (t) => t.strictSame(mergeFlags(file, values), merged));
}

t.test('a parameter without its number', async (t) => {
  for (const text of ['probeInterval', 'probeInterval=1=2']) {
    t.throws(() => mergeFlags({}, { 'gossip.tune': [text] }), {
      code: 'CONFIG',
      message: `--gossip-tune ${text}: write it as NAME=NUMBER, such as probeInterval=2000`,
    });
  }
});

t.test('a peer without its parts', async (t) => {
  for (const text of ['b', 'b=192.0.2.2', 'b=192.0.2.2=10.0.2.0/24=02:00:00:00:00:02=x']) {
    t.throws(() => mergeFlags({}, { peers: [text] }), {
      code: 'CONFIG',
      message: `--peer ${text}: write it as NAME=UNDERLAY[,UNDERLAY6]=PODCIDR[,PODCIDR6][=MAC], such as bravo=192.0.2.2=10.244.2.0/24`,
    });
  }
});
