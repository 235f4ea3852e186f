/** nftables' and iptables' own output, and what becomes of our packets. */
import t from 'tap';
import {
  type BaseChain,
  judgeChain,
  legacyBase,
  parseNftChains,
  parseNftRules,
  type Question,
} from '../../../src/os/firewall.js';
import { firewallQuestions } from '../../../src/os/firewall-questions.js';
import type { Rule } from '../../../src/os/packet-filter.js';
import { sampleConfig } from '../control/sample-config.js';

const questions = firewallQuestions(sampleConfig(), () => 'eth0', ['cni0']);

t.test('nft: base chains at our hooks', async (t) => {
  const chain = { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward', policy: 'drop' };
  const chains = [
    chain,
    { ...chain, family: 'inet', name: 'in', hook: 'input', policy: 'accept' },
    { ...chain, table: 'nat', name: 'POSTROUTING', type: 'nat', hook: 'postrouting', policy: 'accept' },
    { ...chain, name: 'mangle', hook: 'postrouting' },
    { family: 'inet', table: 'fw', name: 'helper' },
    { ...chain, family: 'bridge' },
  ];
  const json = JSON.stringify({ nftables: [{ metainfo: {} }, ...chains.map((one) => ({ chain: one }))] });
  t.strictSame(
    parseNftChains(json).map(({ family, name, hook, policy }) => `${family} ${name} ${hook} ${policy}`),
    ['ip FORWARD forward drop', 'inet in input accept', 'ip POSTROUTING postrouting accept'],
  );
  t.strictSame(parseNftChains('not json'), []);
});

function rules(...exprs: unknown[][]): Rule[] {
  const nftables = exprs.map((expr, i) => ({ rule: { family: 'inet', table: 'fw', chain: 'x', handle: i + 1, expr } }));
  return parseNftRules(JSON.stringify({ nftables }));
}

function base(hook: BaseChain['hook'], policy: 'accept' | 'drop' = 'accept'): BaseChain {
  return {
    table: 'nft table inet fw',
    name: 'x',
    family: undefined,
    hook,
    policy,
    insert: 'nft insert rule inet fw x',
  };
}

const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const meta = (key: string, right: unknown, op?: string) => match({ meta: { key } }, right, op);
const dport = (right: unknown, op?: string) => match({ payload: { protocol: 'udp', field: 'dport' } }, right, op);
const saddr = (right: unknown, op?: string) => match({ payload: { protocol: 'ip', field: 'saddr' } }, right, op);
const state = (right: unknown) => match({ ct: { key: 'state' } }, right, 'in');
const prefix = (addr: string, len: number) => ({ prefix: { addr, len } });
const accept = { accept: null };
const drop = { drop: null };

t.test('nft: what is left to a policy', async (t) => {
  const cases: [string, unknown[][], 'input' | 'forward', boolean][] = [
    ['no rule', [], 'input', false],
    ['the port', [[dport(8472), accept]], 'input', true],
    ['the port, from the device', [[dport(8472), { counter: {} }, meta('iifname', 'eth0'), accept]], 'input', true],
    ['the port, from another device', [[dport(8472), meta('iifname', 'eth1'), accept]], 'input', false],
    ['a set', [[dport({ set: [53, 8472] }), accept]], 'input', true],
    ['a range in a set', [[dport({ set: [{ range: [8000, 9000] }] }), accept]], 'input', true],
    ['another port', [[dport(4789), accept]], 'input', false],
    ['every other port', [[dport(8472, '!='), accept]], 'input', false],
    ['from the peer', [[saddr(prefix('198.51.100.0', 24)), accept]], 'input', true],
    ['the port, if something else is so', [[dport(8472), { xt: null }, accept]], 'input', true],
    ['established only', [[state(['established', 'related']), accept]], 'input', false],
    ['everything', [[{ counter: {} }, accept]], 'input', true],
    ['something that cannot be read', [[{ xt: null }, accept]], 'input', false],
    ['one way', [[meta('iifname', 'podwire0'), accept]], 'forward', false],
    [
      'both ways',
      [
        [meta('iifname', 'podwire*'), accept],
        [meta('oifname', { set: ['podwire0'] }), accept],
      ],
      'forward',
      true,
    ],
    [
      'from and to pods',
      [
        [meta('iifname', 'cni0'), accept],
        [meta('oifname', 'cni0'), accept],
      ],
      'forward',
      true,
    ],
    ['IPv4 only', [[meta('nfproto', 'ipv4'), accept]], 'forward', false],
  ];
  for (const [name, exprs, hook, accepts] of cases) {
    const { chain, obstacles } = judgeChain(base(hook, 'drop'), new Map([['x', rules(...exprs)]]), questions);
    t.equal(chain?.accepts, accepts, name);
    t.strictSame(obstacles, [], name);
  }
});

t.test('nft: which rule is in the way', async (t) => {
  const cases: [string, unknown[][], Question['hook'], string[]][] = [
    ['a drop', [[saddr(prefix('10.244.0.0', 16)), drop]], 'forward', ['drop pods 1']],
    ['behind what accepts', [[accept], [drop]], 'forward', []],
    ['for others', [[saddr(prefix('10.0.0.0', 24)), drop]], 'forward', []],
    ['perhaps', [[match({ meta: { key: 'mark' } }, 7), drop]], 'forward', []],
    ['a named set', [[saddr('@bad'), drop]], 'forward', []],
    ['a refusal', [[dport(8472), { reject: { type: 'icmp' } }]], 'input', ['drop vxlan 1']],
    ['what is invalid', [[state('invalid'), { counter: { packets: 4 } }, drop]], 'forward', ['invalid pods 1']],
    [
      'a map',
      [
        [
          {
            vmap: {
              key: { ct: { key: 'state' } },
              data: {
                set: [
                  ['new', drop],
                  ['invalid', accept],
                ],
              },
            },
          },
        ],
      ],
      'forward',
      ['drop pods 1'],
    ],
    ['masquerading', [[meta('oifname', 'podwire0'), { masquerade: null }]], 'postrouting', ['nat pods 1']],
    ['by an extension', [[{ xt: { type: 'target', name: 'MASQUERADE' } }]], 'postrouting', ['nat pods 1']],
    ['of others', [[meta('oifname', 'eth0'), { snat: { addr: '1.2.3.4' } }]], 'postrouting', []],
  ];
  for (const [name, exprs, hook, expected] of cases) {
    const { obstacles } = judgeChain(base(hook), new Map([['x', rules(...exprs)]]), questions);
    const found = obstacles.map(({ kind, traffic, remove }) => `${kind} ${traffic} ${remove.split(' ').at(-1)}`);
    t.strictSame([...new Set(found)], expected, name);
  }
  const chains = new Map([
    ['x', rules([{ jump: { target: 'y' } }], [drop])],
    ['y', rules([saddr(prefix('10.244.1.0', 24)), { return: null }], [{ goto: { target: 'z' } }])],
    ['z', rules([accept])],
  ]);
  const [first] = judgeChain(base('forward'), chains, questions).obstacles;
  t.match(first, { where: 'nft table inet fw, chain x, handle 2', remove: 'nft delete rule inet fw x handle 2' });
  t.equal(
    judgeChain(base('forward'), new Map([['x', rules([{ jump: { target: 'x' } }])]]), questions).obstacles.length,
    0,
  );
});

t.test('iptables -S', async (t) => {
  const text = [
    '-P INPUT DROP',
    '-P FORWARD DROP',
    '-N DOCKER',
    '-N PODS',
    '-A INPUT -i lo -j ACCEPT',
    '-A INPUT -s 198.51.100.0/24 -p udp -m udp --dport 8472 -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A FORWARD -o docker0 -j DOCKER',
    '-A FORWARD -j PODS',
    '-A PODS ! -i podwire0 ! -o podwire0 -j RETURN',
    '-A PODS -m comment --comment "pods" -j MARK --set-xmark 0x1/0x1',
    '',
  ].join('\n');
  const judge = (more: string, name = 'FORWARD', hook: Question['hook'] = 'forward') =>
    legacyBase(`${text}${more}`, 'iptables', 'filter', name, hook).map(({ base, chains }) =>
      judgeChain(base, chains, questions),
    )[0];
  t.match(judge('', 'INPUT', 'input'), { chain: { accepts: true, where: 'iptables, chain INPUT' }, obstacles: [] });
  t.match(judge(''), {
    chain: { accepts: false, insert: 'iptables -t filter -I FORWARD' },
    obstacles: [{ kind: 'invalid', remove: 'iptables -t filter -D FORWARD -m conntrack --ctstate INVALID -j DROP' }],
  });
  t.match(judge('-A PODS -j ACCEPT\n'), { chain: { accepts: true } });
  t.match(judge('-A PODS -d 10.244.0.0/16 -j REJECT --reject-with icmp-port-unreachable\n').obstacles[0], {
    kind: 'drop',
  });
  t.strictSame(legacyBase('', 'iptables', 'filter', 'FORWARD', 'forward'), []);
});
