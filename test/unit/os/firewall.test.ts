import t from 'tap';
import { nftAccepts, parseIptables, parseNftChains } from '../../../src/os/firewall.js';

const wanted = { port: 8472, device: 'podwire0' };

t.test('nft: base chains at input and forward', async (t) => {
  const json = JSON.stringify({
    nftables: [
      { metainfo: { json_schema_version: 1 } },
      { chain: { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward', policy: 'drop' } },
      { chain: { family: 'inet', table: 'fw', name: 'in', type: 'filter', hook: 'input', prio: 0, policy: 'accept' } },
      { chain: { family: 'ip', table: 'nat', name: 'POSTROUTING', hook: 'postrouting', policy: 'accept' } },
      { chain: { family: 'inet', table: 'fw', name: 'helper' } },
      { chain: { family: 'bridge', table: 'b', name: 'f', hook: 'forward', policy: 'drop' } },
    ],
  });
  t.same(parseNftChains(json), [
    { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' },
    { family: 'inet', table: 'fw', name: 'in', hook: 'input', policy: 'accept' },
  ]);
  t.same(parseNftChains('not json'), []);
});

t.test('nft: which rules accept what is wanted', async (t) => {
  const accept = { accept: null };
  const dport = (right: unknown, op = '==') => ({
    match: { op, left: { payload: { protocol: 'udp', field: 'dport' } }, right },
  });
  const name = (key: string, right: unknown) => ({ match: { op: '==', left: { meta: { key } }, right } });
  const cases: [string, unknown[], 'input' | 'forward', boolean][] = [
    ['the port', [dport(8472), accept], 'input', true],
    [
      'the port, counted, from some address',
      [dport(8472), { counter: {} }, name('iifname', 'eth0'), accept],
      'input',
      true,
    ],
    ['a set', [dport({ set: [53, 8472] }), accept], 'input', true],
    ['a range in a set', [dport({ set: [{ range: [8000, 9000] }] }), accept], 'input', true],
    ['another port', [dport(4789), accept], 'input', false],
    ['every other port', [dport(8472, '!='), accept], 'input', false],
    ['the port, but dropped', [dport(8472), { drop: null }], 'input', false],
    [
      'established only',
      [{ match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established'] } }, accept],
      'input',
      false,
    ],
    ['everything', [{ counter: {} }, accept], 'input', true],
    ['something that cannot be read', [{ xt: null }, accept], 'input', false],
    ['a jump', [{ jump: { target: 'x' } }], 'input', false],
    ['from our device', [name('iifname', 'podwire0'), accept], 'forward', true],
    ['to our device', [name('oifname', { set: ['cni0', 'podwire0'] }), accept], 'forward', true],
    ['another device', [name('oifname', 'docker0'), accept], 'forward', false],
  ];
  for (const [what, expr, hook, expected] of cases) {
    t.equal(nftAccepts(JSON.stringify({ nftables: [{ rule: { expr } }] }), hook, wanted), expected, what);
  }
});

t.test('iptables -S', async (t) => {
  const text = [
    '-P INPUT DROP',
    '-P FORWARD DROP',
    '-P OUTPUT ACCEPT',
    '-N DOCKER',
    '-A INPUT -i lo -j ACCEPT',
    '-A INPUT -p udp -m udp --dport 8472 -j ACCEPT',
    '-A FORWARD -o docker0 -j DOCKER',
    '-A FORWARD -i docker0 -j ACCEPT',
    '',
  ].join('\n');
  t.same(parseIptables(text, 'iptables', wanted), [
    { where: 'iptables chain INPUT', hook: 'input', policy: 'drop', accepts: true },
    { where: 'iptables chain FORWARD', hook: 'forward', policy: 'drop', accepts: false },
  ]);
  t.match(parseIptables(`${text}-A FORWARD -i podwire0 -j ACCEPT\n`, 'iptables', wanted), [{}, { accepts: true }]);
  t.match(parseIptables(`${text}-A FORWARD -j ACCEPT\n`, 'iptables', wanted), [{}, { accepts: true }]);
  t.same(parseIptables('', 'iptables', wanted), []);
});
