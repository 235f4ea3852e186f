import t from 'tap';
import { checkNode, type Finding, fatalProblems, problemText, tellableProblems } from '../../../src/control/check.js';
import { hostPorts } from '../../../src/control/check-host-ports.js';
import type { ResolvedConfig } from '../../../src/control/config/node-config.js';
import type { ActualRoute } from '../../../src/control/host-plan.js';
import type { FirewallChain, FirewallObstacle, MachineFacts } from '../../../src/control/machine-facts.js';
import { formatMac, macFromName } from '../../../src/core/mac.js';
import { formatAddress } from '../../../src/wire/address.js';
import { address, prefix, sampleConfig } from './sample-config.js';

const fit: MachineFacts = {
  kernel: '6.18.4',
  ipProgram: true,
  netAdmin: true,
  tun: 'ok',
  systemCalls: { by: 'addon' },
  writable: { stateDir: 'ok', socket: 'ok' },
  agentRuns: false,
  kept: false,
  interfaces: [
    { name: 'lo', up: true, mtu: 65_536, addresses: [prefix('127.0.0.1/32'), prefix('::1/128')] },
    { name: 'eth0', up: true, mtu: 1500, addresses: [prefix('192.0.2.1/32')] },
  ],
  routes: [],
  bind: ['ok'],
  gossipBind: undefined,
  joins: [],
  keyProblem: undefined,
  forwarding: { ipv4: true, ipv6: true },
  rpFilter: { all: 0, default: 2, writable: true, underlay: 0 },
  otherWays: [],
  ipv6Disabled: undefined,
  stealingRules: [],
  hostPorts: [],
  xfrmPolicies: [],
  invalidPackets: 0,
  firewall: { chains: [], obstacles: [] },
  conntrack: undefined,
  socketBuffer: { receive: 212_992, send: 212_992 },
  openFiles: 1024,
  keptMac: undefined,
};

function eth0(changes: Partial<MachineFacts['interfaces'][0]>): Partial<MachineFacts> {
  return { interfaces: [{ name: 'eth0', up: true, mtu: 1500, addresses: [prefix('192.0.2.1/32')], ...changes }] };
}

function other(name: string, ...addresses: string[]): Partial<MachineFacts> {
  return { interfaces: [...fit.interfaces, { name, up: true, mtu: 1500, addresses: addresses.map(prefix) }] };
}

function route(destination: string, more: Partial<ActualRoute> = {}): Partial<MachineFacts> {
  return {
    routes: [
      { destination: prefix(destination), type: 'unicast', device: 'eth0', protocol: 'static', metric: 0, ...more },
    ],
  };
}

/** Findings that are not ok, as one line each. */
function problems(facts: Partial<MachineFacts>, config: Partial<ResolvedConfig> = {}): string[] {
  return checkNode(sampleConfig(config), { ...fit, ...facts })
    .filter((finding) => finding.level !== 'ok')
    .map((finding) => `${finding.level} ${finding.subject}: ${finding.message}`);
}

t.test('a fit machine', async (t) => {
  const findings = checkNode(sampleConfig(), fit);
  t.same(
    findings.map(({ level, subject, message }) => `${level} ${subject}: ${message}`),
    [
      'ok kernel: Linux 6.18.4',
      "ok iproute2: the program 'ip' is there",
      'ok addon: the C addon is built and loads',
      'ok privileges: CAP_NET_ADMIN is in effect',
      'ok tun: /dev/net/tun opens',
      'ok stateDir: /var/lib/podwire can be written',
      'ok socket: /run/podwire/podwire.sock can be written',
      'ok underlay: 192.0.2.1 is on eth0, MTU 1500',
      'ok mtu: packets of 1450 bytes inside, 1500 outside',
      'ok port: UDP 192.0.2.1 port 8472 is free',
      'ok device: the name podwire0 is free',
      'ok addresses: nothing else uses the cluster range',
      'ok rp_filter: loose on podwire0 (all: 0)',
      'ok forwarding: IPv4 is forwarded',
      'ok forwarding: IPv6 is forwarded',
      'ok firewall: no chain or rule seen that stands in the way',
      'ok limits: 1024 open files',
      `ok mac: ${formatMac(macFromName('alpha'))}`,
    ],
  );
  t.same(fatalProblems(findings), []);
});

t.test('one fact after another turned bad', async (t) => {
  const chain = {
    where: 'nft table ip filter, chain FORWARD',
    hook: 'forward',
    policy: 'drop',
    accepts: false,
    insert: 'nft insert rule ip filter FORWARD',
  } as const;
  const chains = (...chains: FirewallChain[]) => ({ firewall: { chains, obstacles: [] } });
  const obstacle = (kind: FirewallObstacle['kind'], packets?: number) => ({
    firewall: {
      chains: [],
      obstacles: [{ kind, traffic: 'pods', where: 'nft table ip x, chain y, handle 7', remove: 'nft …', packets }],
    } as const,
  });
  const cases: [string, Partial<MachineFacts>, string[], Partial<ResolvedConfig>?][] = [
    [
      'an old kernel',
      { kernel: '4.9.0-19-amd64' },
      ['bad kernel: Linux 4.9.0-19-amd64 cannot send batches of UDP (4.18 can)'],
    ],
    [
      'a slow kernel',
      { kernel: '4.19.0' },
      ['warn kernel: Linux 4.19.0 does not join received UDP (5.0 does): slower'],
    ],
    ['an odd release', { kernel: '6.2-rc1+' }, []],
    [
      'no privileges',
      { netAdmin: false, tun: 'denied' },
      [
        'bad privileges: no CAP_NET_ADMIN: no device, address or route can be made',
        'bad tun: /dev/net/tun may not be opened',
        'warn limits: socket buffers are small: bursts will be lost',
      ],
    ],
    [
      'a disk that is full, and a directory that is read-only',
      { writable: { stateDir: 'ENOSPC', socket: 'EROFS' } },
      [
        'bad stateDir: /var/lib/podwire cannot be written (ENOSPC)',
        'bad socket: /run/podwire/podwire.sock cannot be written (EROFS)',
      ],
    ],
    ['the socket of one that runs', { writable: { stateDir: 'ok', socket: 'EROFS' }, agentRuns: true }, []],
    ['no tun module', { tun: 'missing' }, ['bad tun: /dev/net/tun is not there']],
    [
      'koffi in place of the addon',
      { systemCalls: { by: 'koffi', problem: 'not built', cure: 'build the addon' } },
      ['warn addon: not built: koffi does its work, slower'],
    ],
    [
      'neither addon nor koffi',
      { systemCalls: { by: 'none', problem: 'not built', cure: 'build the addon' } },
      ['bad addon: not built'],
    ],
    [
      'a foreign underlay',
      eth0({ addresses: [prefix('192.0.2.9/32')] }),
      ['bad underlay: no interface holds 192.0.2.1'],
    ],
    [
      'a foreign underlay is told once',
      { ...eth0({ addresses: [] }), bind: ['EADDRNOTAVAIL'] },
      ['bad underlay: no interface holds 192.0.2.1'],
    ],
    ['underlay down', eth0({ up: false }), ['bad underlay: eth0, which holds 192.0.2.1, is down']],
    ['just enough for IPv6', eth0({ mtu: 1330 }), []],
    [
      'not enough for IPv6',
      eth0({ mtu: 1329 }),
      ['warn mtu: IPv6 inside is off: it needs 1280 bytes, and there are 1279'],
    ],
    [
      'IPv6 only',
      eth0({ mtu: 1300 }),
      ['bad mtu: IPv6 inside is off: it needs 1280 bytes, and there are 1250; nothing would be carried'],
      { podCidr: [prefix('fd00:244:1::/64')] },
    ],
    ['hardly anything left', eth0({ mtu: 600 }), ['bad mtu: only 550 bytes are left inside, IPv4 needs 576']],
    ['mtu set too large', {}, ['warn mtu: mtu 1500 is more than eth0 carries'], { mtu: 1500 }],
    ['mtu set small', {}, [], { mtu: 1400 }],
    ['port taken', { bind: ['EADDRINUSE'] }, ['bad port: UDP 192.0.2.1 port 8472 is taken']],
    ['bind refused', { bind: ['EACCES'] }, ['bad port: UDP 192.0.2.1 port 8472 cannot be bound (EACCES)']],
    ['device there', other('podwire0'), ['bad device: there is a device podwire0 already']],
    [
      'a running podwire holds what it needs',
      {
        ...other('podwire0', '10.244.1.0/32'),
        ...route('10.244.0.0/16', { device: 'podwire0', protocol: '84' }),
        agentRuns: true,
        bind: ['EADDRINUSE'],
      },
      [],
    ],
    [
      'what an earlier podwire left for the next',
      {
        ...other('podwire0', '10.244.1.0/32'),
        ...route('10.244.0.0/16', { device: 'podwire0', protocol: '84' }),
        kept: true,
        bind: ['EADDRINUSE'],
      },
      [],
    ],
    ['pods of another subnet than is configured', other('podwire-br', '10.244.7.1/32'), []],
    [
      'the gateway on the device of a pod that outlives its agent',
      {
        ...other('pw0123456789ab', '10.244.7.1/32'),
        ...route('10.244.7.2/32', { device: 'pw0123456789ab', protocol: '84' }),
      },
      [],
    ],
    [
      'a foreign address in the range',
      other('flannel.1', '10.244.7.0/32'),
      ['bad addresses: 10.244.7.0 on flannel.1 lies in the cluster range'],
    ],
    [
      'our own bridge',
      {
        ...other('cni0', '10.244.1.1/32', 'fd00:244:1::1/128'),
        ...route('10.244.1.0/24', { device: 'cni0', protocol: 'kernel' }),
      },
      [],
    ],
    [
      'the routes that the kernel makes for our own addresses, of a subnet that gossip has given',
      {
        ...other('podwire-br', '10.244.7.1/32', 'fd00:244:0:7::1/128'),
        ...route('fd00:244:0:7::1/128', { device: 'podwire-br', protocol: 'kernel' }),
      },
      [],
      { podCidr: [] },
    ],
    [
      'a route of somebody else to our own device',
      route('10.244.7.0/24', { device: 'podwire-br' }),
      [
        'warn routes: the route 10.244.7.0/24 to podwire-br (proto static) goes before ours: pods there are not reached through podwire',
      ],
    ],
    [
      'the same route',
      route('10.244.0.0/16'),
      ['bad routes: the route 10.244.0.0/16 to eth0 (proto static) is in the place of ours'],
    ],
    [
      'a narrower route',
      route('fd00:244:0:7::/64', { protocol: 'bird' }),
      [
        'warn routes: the route fd00:244:0:7::/64 to eth0 (proto bird) goes before ours: pods there are not reached through podwire',
      ],
    ],
    ['a wider route', route('10.0.0.0/8'), []],
    [
      'strict and read-only',
      { rpFilter: { ...fit.rpFilter, all: 1, default: 0, writable: false } },
      [
        'bad rp_filter: /proc/sys is read-only and new devices filter strictly: answers from underlay addresses would be lost',
      ],
    ],
    ['loose and read-only', { rpFilter: { ...fit.rpFilter, all: 1, default: 2, writable: false } }, []],
    [
      'no forwarding',
      { forwarding: { ipv4: false, ipv6: undefined } },
      [
        'warn forwarding: net.ipv4.ip_forward is 0: pods reach no further than this machine',
        'bad forwarding: this kernel has no IPv6',
      ],
    ],
    [
      'a closed forward chain',
      chains(chain),
      [
        'warn firewall: nft table ip filter, chain FORWARD drops by policy, and no rule accepts podwire0 both ways: packets of pods are lost',
      ],
    ],
    [
      'a closed input chain',
      chains({ ...chain, hook: 'input' }),
      [
        'warn firewall: nft table ip filter, chain FORWARD drops by policy, and no rule accepts UDP port 8472: frames of peers are lost',
      ],
    ],
    ['a closed chain with a rule for us', chains({ ...chain, accepts: true }), []],
    [
      'a rule that drops',
      obstacle('drop', 3),
      ['warn firewall: nft table ip x, chain y, handle 7 drops packets of pods (3 so far)'],
    ],
    [
      'a rule that translates',
      obstacle('nat'),
      [
        'warn firewall: nft table ip x, chain y, handle 7 changes the addresses of packets of pods: NAT breaks the model, peers see another source or refuse it',
      ],
    ],
    [
      'what is invalid is dropped, and there was some',
      obstacle('invalid', 5),
      [
        'warn firewall: nft table ip x, chain y, handle 7 drops what connection tracking calls invalid (5 so far): of packets of pods those that go and come by different ways',
      ],
    ],
    ['what is invalid is dropped, and there was none', obstacle('invalid', 0), []],
    ['the same without a counter', obstacle('invalid'), []],
    [
      'the underlay filters strictly, and the way back is another',
      { rpFilter: { ...fit.rpFilter, underlay: 1 }, otherWays: [{ peer: address('198.51.100.2'), device: 'wlan0' }] },
      ['warn rp_filter: eth0 filters sources strictly, and the way back to 198.51.100.2 is wlan0: its frames are lost'],
    ],
    ['the underlay filters strictly', { rpFilter: { ...fit.rpFilter, underlay: 1 } }, []],
    ['another way back', { otherWays: [{ peer: address('198.51.100.2'), device: 'wlan0' }] }, []],
    [
      'IPv6 is disabled on our device',
      { ipv6Disabled: true },
      ['warn ipv6: IPv6 is disabled on podwire0: IPv6 packets of pods are lost'],
    ],
    ['a firewall that cannot be read', { firewall: undefined }, ['warn firewall: the firewall cannot be read']],
    ['few files', { openFiles: 64 }, ['warn limits: only 64 files may be open']],
    [
      'conntrack full',
      { conntrack: { count: 950, max: 1000 } },
      ['warn limits: connection tracking is nearly full (950 of 1000): new connections are dropped then'],
    ],
    ['conntrack roomy', { conntrack: { count: 900, max: 1000 } }, []],
    [
      'another MAC than peers derive',
      { keptMac: '02:00:5e:10:00:01' },
      [
        `warn mac: 02:00:5e:10:00:01 is kept in /var/lib/podwire, but peers derive ${formatMac(macFromName('alpha'))} from the name alpha`,
      ],
    ],
  ];
  for (const [name, facts, expected, config] of cases) t.same(problems(facts, config), expected, name);
});

t.test('an underlay of both families', async (t) => {
  const both = [address('192.0.2.1'), address('2001:db8::1')];
  const held = eth0({ addresses: both.map((one) => prefix(`${formatAddress(one)}/${one.family === 4 ? 32 : 128}`)) });
  const gossip = { ...sampleConfig().gossip, keyFile: '/k' };
  const facts = { ...held, bind: ['ok', 'ok'] };
  t.same(problems(facts, { underlay: both }), []);
  const found = checkNode(sampleConfig({ underlay: both }), { ...fit, ...facts });
  t.match(
    found.filter(({ subject }) => subject === 'mtu'),
    [{ message: 'packets of 1430 bytes inside, 1500 outside' }],
    'what the larger headers leave',
  );
  t.same(problems({ ...facts, bind: ['ok', 'EADDRINUSE'] }, { underlay: both }), [
    'bad port: UDP 2001:db8::1 port 8472 is taken',
  ]);
  const half = { bind: ['ok', 'EADDRNOTAVAIL'], gossipBind: undefined };
  t.same(problems(half, { underlay: both }), ['bad underlay: no interface holds 2001:db8::1']);
  t.same(
    problems(half, { underlay: both, gossip }),
    ['warn underlay: no interface holds 2001:db8::1: it is taken as soon as one does'],
    'with gossip the others can be told later',
  );
  t.same(problems({}, { peers: [{ ...sampleConfig().peers[0], underlay: [address('2001:db8::2')] }] }), [
    'warn peers: no common underlay family with bravo: this node has IPv4, bravo has IPv6',
  ]);
});

t.test('what a node says when it starts: once, and nothing that it tells anyway', async (t) => {
  const systemCalls = { by: 'koffi', problem: 'not built', cure: 'build the addon' } as const;
  const findings = checkNode(sampleConfig(), {
    ...fit,
    ...eth0({ mtu: 1329 }),
    systemCalls,
    firewall: undefined,
    openFiles: 64,
  });
  t.strictSame(tellableProblems(findings).map(problemText), [
    'IPv6 inside is off: it needs 1280 bytes, and there are 1279: raise the MTU of eth0: IPv6 inside needs 1330',
    "only 64 files may be open: 'ulimit -n 192', LimitNOFILE in systemd",
  ]);
  t.strictSame(tellableProblems(checkNode(sampleConfig(), fit)), []);
});

t.test('where nothing can be written, what to do follows from why', async (t) => {
  const mends = (code: string) =>
    fatalProblems(checkNode(sampleConfig(), { ...fit, writable: { stateDir: code, socket: 'ok' } })).map(
      ({ mend }) => mend,
    );
  t.strictSame(mends('ENOSPC'), ['the disk is full: make room, or choose another with --state-dir']);
  t.match(mends('EROFS'), [/^the file system is read-only/]);
  t.match(mends('ENOTDIR'), [/^see what is at \/var\/lib\/podwire, or/]);
});

t.test('gossip', async (t) => {
  const gossip = { port: 7946, insecure: false, keyFile: '/k', profile: 'lan', forgetAfter: 60, tune: {} } as const;
  const { keyFile: _, ...open } = gossip;
  const free = { udp: 'ok', tcp: 'ok' };
  const to = { address: address('192.0.2.7'), port: 7946 };
  const cases: [string, Partial<MachineFacts>, string[], Partial<ResolvedConfig>?][] = [
    ['all is well', { gossipBind: [free], joins: [{ to, from: [address('192.0.2.1')], answers: true }] }, []],
    ['UDP taken', { gossipBind: [{ ...free, udp: 'EADDRINUSE' }] }, ['bad gossip: UDP 192.0.2.1 port 7946 is taken']],
    ['TCP taken', { gossipBind: [{ ...free, tcp: 'EADDRINUSE' }] }, ['bad gossip: TCP 192.0.2.1 port 7946 is taken']],
    [
      'both forbidden',
      { gossipBind: [{ udp: 'EACCES', tcp: 'EACCES' }] },
      [
        'bad gossip: UDP 192.0.2.1 port 7946 cannot be bound (EACCES)',
        'bad gossip: TCP 192.0.2.1 port 7946 cannot be bound (EACCES)',
      ],
    ],
    ['held by ourselves', { gossipBind: [{ udp: 'EADDRINUSE', tcp: 'EADDRINUSE' }], agentRuns: true }, []],
    ['no route', { joins: [{ to, from: [], answers: false }] }, ['warn join: there is no route to 192.0.2.7:7946']],
    [
      'a route, and nobody there',
      { joins: [{ to, from: [address('192.0.2.1')], answers: false }] },
      ['warn join: 192.0.2.7:7946 does not answer on TCP, asked from 192.0.2.1'],
    ],
    [
      'a name without an address',
      {
        joins: [
          { to: { host: 'seed.example', port: 7946 }, from: [], answers: false, problem: 'seed.example: no such name' },
        ],
      },
      ['warn join: seed.example: no such name'],
    ],
    ['a key file that others can read', { keyProblem: 'others can read it' }, ['bad gossip: others can read it']],
    [
      'no key',
      {},
      ['warn gossip: gossip is insecure: whoever reaches the port may join, and take over the pods of others'],
      { gossip: { ...open, insecure: true } },
    ],
  ];
  for (const [name, facts, expected, config] of cases) {
    t.same(problems(facts, { gossip, ...config }), expected, name);
  }
});

t.test('a subnet that is to be claimed is of the families of the cluster', async (t) => {
  const claims = { podCidr: [] };
  t.same(problems({ forwarding: { ipv4: false, ipv6: false } }, claims), [
    'warn forwarding: net.ipv4.ip_forward is 0: pods reach no further than this machine',
    'warn forwarding: net.ipv6.conf.all.forwarding is 0: pods reach no further than this machine',
  ]);
  t.same(problems(eth0({ mtu: 1329 }), claims), [
    'warn mtu: IPv6 inside is off: it needs 1280 bytes, and there are 1279',
  ]);
  const [missing] = checkNode(sampleConfig(claims), {
    ...fit,
    forwarding: { ipv4: true, ipv6: undefined },
  }).filter(({ level }) => level === 'bad');
  t.match(missing, { message: 'this kernel has no IPv6', mend: 'leave IPv6 out of clusterCidr' });
});

t.test('a closed firewall has to let gossip in as well', async (t) => {
  const chain = { where: 'nft table inet filter, chain input', hook: 'input', policy: 'drop', accepts: false } as const;
  const firewall = { chains: [{ ...chain, insert: 'nft insert rule inet filter input' }], obstacles: [] };
  const mend = (config: Partial<ResolvedConfig>) =>
    checkNode(sampleConfig(config), { ...fit, firewall }).find(({ subject }) => subject === 'firewall')?.mend;
  t.equal(mend({}), "'nft insert rule inet filter input udp dport 8472 accept'");
  const join = [{ address: address('192.0.2.7'), port: 7946 }];
  t.match(mend({ join }), /'nft insert rule inet filter input udp dport 7946 accept', 'nft .* tcp dport 7946 accept'$/);
});

t.test('every problem says what to do, in one line', async (t) => {
  const gossip = { ...sampleConfig().gossip, keyFile: '/k' };
  const worst = checkNode(sampleConfig({ mtu: 1200, gossip }), {
    ...fit,
    ...other('podwire0', '10.244.9.9/32'),
    ...route('10.244.0.0/16'),
    kernel: '4.4.0',
    ipProgram: false,
    netAdmin: false,
    tun: 'missing',
    systemCalls: { by: 'none', problem: 'not built', cure: 'build the addon' },
    writable: { stateDir: 'ENOSPC', socket: 'ENOTDIR' },
    bind: ['EADDRINUSE'],
    gossipBind: [{ udp: 'EADDRINUSE', tcp: 'EACCES' }],
    joins: [{ to: { address: address('192.0.2.7'), port: 7946 }, from: [], answers: false }],
    keyProblem: '/k: others can read it',
    forwarding: { ipv4: false, ipv6: false },
    rpFilter: { ...fit.rpFilter, all: 1, default: 1, writable: false },
    firewall: undefined,
    openFiles: 1,
    keptMac: '02:00:5e:10:00:01',
  });
  const found = worst.filter((finding: Finding) => finding.level !== 'ok');
  t.ok(found.length >= 17, `${found.length} problems`);
  for (const { message, mend, subject } of found) {
    t.match(mend, /^[^\n]{10,}$/, subject);
    t.notMatch(message, /\n/);
  }
  t.ok(fatalProblems(worst).every((finding) => finding.level === 'bad'));
  t.ok(fatalProblems(worst).length >= 8);
});

t.test('a port that several pods have, as an earlier version let them', async (t) => {
  const [shared] = hostPorts([{ protocol: 'tcp', port: 80, pods: ['shop/web', 'shop/api'], listened: false }]);
  t.match(shared, { message: /^TCP port 80 .* is asked for by shop\/web and shop\/api: it leads to shop\/web alone$/ });
});
