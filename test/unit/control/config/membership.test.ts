import t from 'tap';
import { formatSeed, parseEndpoint } from '../../../../src/control/config/endpoint.js';
import { parseConfig } from '../../../../src/control/config/load.js';
import { gossips } from '../../../../src/control/config/node-config.js';

const MACHINE = { hostname: 'alpha', cores: 2 };
const GOOD = { clusterCidr: '10.244.0.0/16', join: '192.0.2.1', gossip: { keyFile: '/etc/podwire.key' } };

function problemsOf(changes: object): string[] {
  const result = parseConfig({ ...GOOD, ...changes }, MACHINE);
  return 'problems' in result ? result.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

t.test('two keys and the range are all that a node needs to join', async (t) => {
  const result = parseConfig(GOOD, MACHINE);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const { underlay, podCidr, join } = result.config;
  t.equal(underlay, undefined);
  t.strictSame(podCidr, []);
  t.strictSame(join.map(formatSeed), ['192.0.2.1:7946']);
  t.ok(gossips(result.config));
});

t.test('whom to join', async (t) => {
  const joined = (join: unknown, port?: number) => {
    const result = parseConfig({ ...GOOD, join, gossip: { ...GOOD.gossip, ...(port && { port }) } }, MACHINE);
    return 'problems' in result ? result.problems.map(({ message }) => message) : result.config.join.map(formatSeed);
  };
  t.strictSame(joined(['192.0.2.1', '192.0.2.2:9'], 8000), ['192.0.2.1:8000', '192.0.2.2:9']);
  t.strictSame(joined(['fd00::1', '[fd00::2]', '[fd00::3]:9']), ['[fd00::1]:7946', '[fd00::2]:7946', '[fd00::3]:9']);
  t.strictSame(joined(['seed.example:9', 'bravo', 'Node_1.local.']), [
    'seed.example:9',
    'bravo:7946',
    'Node_1.local:7946',
  ]);
  for (const bad of [
    '-bravo',
    'a..b',
    '192.0.2.256',
    '192.0.2',
    `${'a'.repeat(64)}.example`,
    'a b',
    '192.0.2.1:',
    '192.0.2.1:0',
    '192.0.2.1:65536',
    '[192.0.2.1]:7',
    '[fd00::1',
    '',
  ]) {
    t.type(parseEndpoint(bad), 'string', bad);
  }
});

const REFUSALS: readonly [name: string, changes: object, problem: RegExp][] = [
  ['no key', { gossip: {} }, /^join: no key means no gossip: make one with `podwire key new`/],
  [
    'a key, and insecure',
    { gossip: { keyFile: '/k', insecure: true } },
    /^gossip\.insecure: contradicts gossip\.keyFile/,
  ],
  ['no subnet and no gossip', { join: [], gossip: {}, underlay: '192.0.2.9' }, /^podCidr: is missing/],
  ['no address and nobody to join', { join: [] }, /^underlay: is missing/],
  [
    'a subnet larger than the range',
    { podPrefix: 15 },
    /^podPrefix: \/15 does not fit into clusterCidr 10\.244\.0\.0\/16/,
  ],
  ['a subnet too small for pods', { podPrefix: 31 }, /^podPrefix: \/31 is too small for pods/],
  ['one port for two things', { vxlan: { port: 7946 } }, /^gossip\.port: 7946 is vxlan\.port as well/],
  ['no address', { join: 'no where' }, /^join\[0\]: "no where" is not an address to join: write 192\.0\.2\.1/],
  [
    'a port that is none',
    { join: '192.0.2.78:99999' },
    /^join\[0\]: "192\.0\.2\.78:99999": 99999 is no port: write one/,
  ],
  ['a long port', { join: '[fd00::1]:123456' }, /^join\[0\]: "\[fd00::1\]:123456": 123456 is no port/],
  ['neither an address nor a list', { join: 7 }, /^join: must be an address to join, or a list of them, not 7/],
  [
    'another family',
    { underlay: '192.0.2.9', join: ['fd00::1'] },
    /^join: no node to join is IPv4, and underlay 192\.0\.2\.9 is: add one, or an IPv6 address to underlay/,
  ],
  ['an address in the overlay', { join: ['10.244.1.1'] }, /^join\[0\]: 10\.244\.1\.1 lies inside clusterCidr/],
  ["nobody's address", { join: ['0.0.0.0'] }, /^join\[0\]: 0\.0\.0\.0 is no single host's address/],
  [
    'too short a memory',
    { gossip: { keyFile: '/k', forgetAfter: 1 } },
    /^gossip\.forgetAfter: must be a whole number from 10 to/,
  ],
  [
    'an unknown parameter',
    { gossip: { keyFile: '/k', tune: { probeIntervall: 1 } } },
    /probeIntervall: is not a known key: did you mean probeInterval\?/,
  ],
  [
    'a parameter that is none',
    { gossip: { keyFile: '/k', tune: { probeInterval: 0 } } },
    /probeInterval: must be a number above 0/,
  ],
  [
    'a datagram that is too large',
    { gossip: { keyFile: '/k', tune: { packetBytes: 9000 } } },
    /packetBytes: must be a whole number from 600 to 1400/,
  ],
];

for (const [name, changes, problem] of REFUSALS) {
  t.test(name, async (t) => {
    const problems = problemsOf(changes);
    t.equal(problems.length, 1, problems.join('\n'));
    t.match(problems[0], problem);
  });
}

t.test('a length of subnets matters only to who claims one', async (t) => {
  t.strictSame(problemsOf({ podPrefix: 15, podCidr: '10.244.1.0/24' }), []);
});
